// Whose a directory is: the file STORE, read before anything in the directory is opened.
//
// {"format": 1, "service": "probe", "store_id": "9f86d081884c7d659a2feaa0c55ad015"}
//
// A database holds a copy of its marker, which counts where the two differ: files are copied,
// restored and cut off by themselves.
#ifndef RECSAE_COMMON_STORAGE_MARKER_H_
#define RECSAE_COMMON_STORAGE_MARKER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace recsae {

struct Marker {
  // "probe"; of a folder of databases the program, "recsae-probe".
  std::string service;
  int format = 1;
  // 32 hexadecimal digits, random; empty in a marker of before there were any.
  std::string store_id;

  bool operator==(const Marker&) const = default;
};

std::string EncodeMarker(const Marker& marker);
// Nothing if the bytes are no marker.
std::optional<Marker> DecodeMarker(absl::string_view bytes);
std::string NewStoreId();

// FAILED_PRECONDITION, "data directory PATH MESSAGE".
absl::Status Refused(absl::string_view reason, const std::string& path, absl::string_view message);

// FAILED_PRECONDITION: STORE_OF_OTHER_SERVICE or STORE_FORMAT_TOO_NEW, as for Database::Open.
absl::Status CheckMarker(const Marker& marker, const std::string& path, absl::string_view service,
                         int format);

// What lies at STORE: no file, a file without a marker in it (an earlier version did not sync it,
// and the power went), or the marker.
struct MarkerFile {
  bool exists = false;
  std::optional<Marker> marker;
};

// The errors of those below: FAILED_PRECONDITION (STORE_UNUSABLE) or RESOURCE_EXHAUSTED
// (STORE_FULL).

// Makes the directory, and those above it, so that they are there after a power loss.
absl::Status MakeDirectory(rocksdb::Env& env, const std::string& path);
// STORE_FULL, in words for whoever starts a server, unless that many bytes can be written.
absl::Status CheckFreeSpace(rocksdb::Env& env, const std::string& path, uint64_t bytes);
absl::StatusOr<MarkerFile> ReadMarker(rocksdb::Env& env, const std::string& path);
// Whole or not at all, and on disk on return.
absl::Status WriteMarker(rocksdb::Env& env, const std::string& path, const Marker& marker);
// Whether something lies there that this project did not write.
absl::StatusOr<bool> HoldsForeignFiles(rocksdb::Env& env, const std::string& path);

// Makes a folder that holds databases, if needed, and marks it as that of `program`
// ("recsae-probe"). The database in its sub-folder "jobs", if any, is that program's too
// ("probe"), and says whose the folder is where the marker was lost. STORE_OF_OTHER_SERVICE, and
// as above.
absl::Status ClaimFolder(const std::string& path, const std::string& program,
                         rocksdb::Env* env = nullptr);

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_MARKER_H_
