// One RocksDB directory of one service: opening, reading, atomic synced writes, scans.
#ifndef RECSAE_COMMON_STORAGE_DATABASE_H_
#define RECSAE_COMMON_STORAGE_DATABASE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/storage/database_stats.h"
#include "common/storage/environment.h"

namespace recsae {

// A named key space of a database; keys are bytes in lexicographic order.
struct FamilyOptions {
  std::string name;
  // Floats and other bytes that do not compress: stored as they are, in larger blocks.
  bool incompressible = false;
};

struct DatabaseOptions {
  // Whose directory this is, for example "probe". Written to its marker (common/storage/marker.h)
  // when the directory is made, compared when it is opened.
  std::string service;
  // Format of the keys and values. A directory of a newer format is refused; one of an older format
  // is opened and keeps its number (see Database::format).
  int format = 1;
  // Beside "default" and kRequestFamily, which are always there.
  std::vector<FamilyOptions> families = {};
  // Shared by all families of the database.
  size_t block_cache_bytes = size_t{64} << 20;
  size_t write_buffer_bytes = size_t{64} << 20;
  Environment environment = {};
};

// The key "store" in it is the database's own: its marker.
inline constexpr char kDefaultFamily[] = "default";
// Where RequestLog keeps first responses.
inline constexpr char kRequestFamily[] = "requests";

// Whether a write is on disk when it returns.
enum class Durability {
  kSynced,
  // Part of a bulk load: survives a crash of the process, and a crash of the machine once a later
  // synced write has returned. Never acknowledge one of these on its own.
  kUnsynced,
};

class Checkpoint;  // common/storage/checkpoint.h
class Database;

// Writes that take effect together or not at all. Made by Database::NewBatch and used by one
// thread.
class WriteBatch {
 public:
  WriteBatch(WriteBatch&&) noexcept;
  WriteBatch& operator=(WriteBatch&&) noexcept;
  ~WriteBatch();

  void Put(absl::string_view family, absl::string_view key, absl::string_view value);
  void Delete(absl::string_view family, absl::string_view key);
  // Every key that starts with `prefix` (not empty) and is stored now or in this batch. Nobody else
  // may write such keys until the batch is written.
  void DeletePrefix(absl::string_view family, absl::string_view prefix);
  // The write may use what is kept free on the disk (Environment::floor): it makes room, or what is
  // stored already hangs on it, as the end of a job does.
  void UseReserve();
  // Bytes collected so far.
  size_t size() const;

 private:
  friend class Database;
  struct Impl;
  explicit WriteBatch(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct ScanOptions {
  // Starts at the first key >= `from` (in reverse: the last key < `from`); empty = the prefix's
  // end.
  std::string from = {};
  // Largest key first.
  bool reverse = false;
  // For long scans: read ahead, and leave the block cache to others.
  bool bulk = false;
};

// Keys of one family in order, as they were when Scan was called. Used by one thread; must not
// outlive the database.
//
//   for (auto scan = db.Scan("items", prefix); scan->Valid(); scan->Next()) { ... }
//
// Check status() after the loop: a scan that meets an error is no longer Valid().
class Scanner {
 public:
  ~Scanner();
  bool Valid() const;
  void Next();
  // Whole key (prefix included) and value; valid until Next.
  absl::string_view key() const;
  absl::string_view value() const;
  absl::Status status() const;

 private:
  friend class Database;
  struct Impl;
  explicit Scanner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Thread-safe. Codes of every call beside those named: DATA_LOSS (STORE_CORRUPT),
// RESOURCE_EXHAUSTED (STORE_FULL: no room on the disk), UNAVAILABLE (STORE_BUSY: try again),
// INTERNAL (STORE_ERROR). A floor (Environment), or else a few MiB of the disk, are left free, so
// that what uses the reserve still works when nothing else does; on a disk that is nearly full the
// room of deleted prefixes is given back at once. Where the disk has refused RocksDB a write all
// the same, reads go on, and writes once there is room again: the database is opened anew for that,
// when nobody scans it, at most once a second. What was refused is not there then, or, if the log
// holds it, there is no more writing until the directory is opened again. The same after a fault
// of another kind.
class Database {
 public:
  // Opens the directory at `path` and makes it if it is not there. A marker that was lost is
  // written anew from what the database says of itself. FAILED_PRECONDITION:
  //   STORE_OF_OTHER_SERVICE  the marker names another service, or there are files of others
  //   STORE_FORMAT_TOO_NEW    written by a newer version
  //   STORE_LOCKED            another process (or Database) has it open
  //   STORE_UNUSABLE          the directory cannot be made, read or written
  // RESOURCE_EXHAUSTED (STORE_FULL), before anything is touched, if the disk has no room for what
  // opening writes.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const DatabaseOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // NOT_FOUND (reason KEY_NOT_FOUND) if there is no such key.
  absl::StatusOr<std::string> Get(absl::string_view family, absl::string_view key) const;
  // One entry for each key, in their order; nullopt where there is no such key.
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      absl::string_view family, absl::Span<const std::string> keys) const;

  absl::Status Put(absl::string_view family, absl::string_view key, absl::string_view value,
                   Durability durability = Durability::kSynced);
  // OK as well if there is no such key.
  absl::Status Delete(absl::string_view family, absl::string_view key,
                      Durability durability = Durability::kSynced);

  WriteBatch NewBatch() const;
  absl::Status Write(WriteBatch batch, Durability durability = Durability::kSynced);

  // Keys that start with `prefix` (empty = all).
  std::unique_ptr<Scanner> Scan(absl::string_view family, absl::string_view prefix,
                                const ScanOptions& options = {}) const;

  // For backups (common/storage/backup.h). Everything in memory goes to tables.
  absl::Status Flush();
  // Of what is there when it is marked; to be let go before the database closes.
  absl::StatusOr<std::unique_ptr<Checkpoint>> TakeCheckpoint();

  // Format of the directory: that of the options, or an older one.
  int format() const;
  const std::string& path() const;
  const std::string& service() const;
  // 32 hexadecimal digits, drawn when the directory was made and kept in it: the same for as long
  // as it is the same data. Another one after the directory was emptied or restored.
  const std::string& store_id() const;

  DatabaseStats Stats() const;

 private:
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  // See StatsOfOpenDatabases.
  static void AddToStats(const Database* database);
  static void RemoveFromStats(const Database* database);
  std::unique_ptr<Impl> impl_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_DATABASE_H_
