#include "common/storage/backup_message.h"

#include "absl/strings/str_cat.h"
#include "common/messages/time.h"

namespace recsae {

backups::v1::Backup ToMessage(const BackupRecord& record) {
  backups::v1::Backup backup;
  backup.set_name(absl::StrCat("backups/", record.id));
  *backup.mutable_create_time() = ToTimestamp(record.time);
  backup.set_program(record.program);
  backup.set_version(record.version);
  for (const BackedUpStore& store : record.stores) {
    auto& message = *backup.add_stores();
    message.set_store(store.store);
    message.set_store_id(store.store_id);
    message.set_byte_count(store.bytes);
    message.set_file_count(store.files);
  }
  backup.set_byte_count(record.bytes());
  return backup;
}

}  // namespace recsae
