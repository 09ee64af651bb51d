// What a database stands on, given from outside so that tests can take the power away.
#ifndef RECSAE_COMMON_STORAGE_ENVIRONMENT_H_
#define RECSAE_COMMON_STORAGE_ENVIRONMENT_H_

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace recsae {

struct Environment {
  // File system of the database and its marker; must outlive the database. Null = the machine's.
  rocksdb::Env* env = nullptr;
  // False: no write is synced, whatever it asks for. For tests that show what syncing is for.
  bool sync = true;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_ENVIRONMENT_H_
