// What a database stands on, given from outside so that tests can take the power away.
#ifndef RECSAE_COMMON_STORAGE_ENVIRONMENT_H_
#define RECSAE_COMMON_STORAGE_ENVIRONMENT_H_

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace recsae {

class DiskFloor;   // common/storage/disk_floor.h
class StoreGroup;  // common/storage/store_group.h

// Everything it points to must outlive the database.
struct Environment {
  // File system of the database and its marker. Null = the machine's.
  rocksdb::Env* env = nullptr;
  // False: no write is synced, whatever it asks for. For tests that show what syncing is for.
  bool sync = true;
  // What must stay free on the disk. Null = nothing but what RocksDB itself needs.
  DiskFloor* floor = nullptr;
  // The process's databases, which backups take together. Null = by itself.
  StoreGroup* group = nullptr;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_ENVIRONMENT_H_
