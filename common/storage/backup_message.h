// A backup as a message says it.
#ifndef RECSAE_COMMON_STORAGE_BACKUP_MESSAGE_H_
#define RECSAE_COMMON_STORAGE_BACKUP_MESSAGE_H_

#include "common/storage/backup_folder.h"
#include "recsae/backups/v1/backups.pb.h"

namespace recsae {

backups::v1::Backup ToMessage(const BackupRecord& record);

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_BACKUP_MESSAGE_H_
