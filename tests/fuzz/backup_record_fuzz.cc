// Bytes as a record in a folder of backups: refused with a reason, or what is the same once written
// and read again.
#include <cstddef>
#include <cstdint>

#include "common/storage/backup_folder.h"
#include "tests/fuzz/fuzzing.h"

namespace {

const std::string& BackupFolder() {
  static const std::string folder = [] {
    const std::string path = (recsae::fuzz::Folder() / "folder").string();
    std::filesystem::create_directories(path);
    recsae::fuzz::Require(recsae::ClaimBackupFolder(path, "recsae-probe").ok(),
                          "a folder is claimed");
    return path;
  }();
  return folder;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string& folder = BackupFolder();
  const std::string file = folder + "/backups/b1.json";
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  const auto record = recsae::FindBackup(folder, "b1");
  recsae::fuzz::RequireGoodError(record.status());
  recsae::fuzz::RequireGoodError(recsae::ListBackups(folder).status());
  if (!record.ok()) return 0;
  recsae::fuzz::Require(recsae::WriteRecord(folder, *record).ok(), "a record can be written");
  const auto again = recsae::FindBackup(folder, "b1");
  recsae::fuzz::Require(again.ok() && again->time == record->time &&
                            again->stores.size() == record->stores.size() &&
                            again->bytes() == record->bytes(),
                        "what is written is read again");
  return 0;
}
