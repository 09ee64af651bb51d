// Where RocksDB writes its warnings: the file LOG of a database. Internal to common/storage.
#ifndef RECSAE_COMMON_STORAGE_INFO_LOG_H_
#define RECSAE_COMMON_STORAGE_INFO_LOG_H_

#include <rocksdb/env.h>

#include <memory>
#include <string>

namespace recsae {

// Appends to "{directory}/LOG", from 4 MiB on to a new one (the last one is LOG.old then). What
// cannot be written is dropped: RocksDB's own logger, as distributions build it, ends the process
// at the second line for which a disk has no room.
std::shared_ptr<rocksdb::Logger> MakeInfoLog(const std::string& directory);

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_INFO_LOG_H_
