#include "common/storage/marker.h"

#include <rocksdb/env.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/whole_number.h"
#include "common/storage/rocksdb_status.h"

namespace recsae {
namespace {

namespace fs = std::filesystem;

// How a server's data directory is laid out.
constexpr int kFolderFormat = 1;
constexpr char kMarkerFile[] = "STORE";
// Where earlier versions kept the program that a folder of databases belongs to: one line.
constexpr char kOwnerFile[] = "OWNER";
// What a folder of databases needs beside them: a marker.
constexpr uint64_t kFolderBytes = 64 << 10;

std::string InDirectory(const std::string& path, absl::string_view name) {
  return (fs::path(path) / std::string(name)).string();
}

// The faults of the file system that a person has to mend.
absl::Status Checked(const rocksdb::Status& status, const std::string& path) {
  if (status.ok()) return absl::OkStatus();
  absl::Status error = FromRocksDb(status, absl::StrCat("data directory ", path));
  if (error.code() == absl::StatusCode::kResourceExhausted) return error;
  return Refused("STORE_UNUSABLE", path, absl::StrCat("cannot be used: ", status.ToString()));
}

absl::Status OfOther(const std::string& path, absl::string_view owner, absl::string_view service) {
  return Refused(
      "STORE_OF_OTHER_SERVICE", path,
      absl::StrCat("belongs to ", owner, ", not to ", service, ": give another directory"));
}

absl::StatusOr<bool> Exists(rocksdb::Env& env, const std::string& path, const std::string& file) {
  const rocksdb::Status status = env.FileExists(file);
  if (status.IsNotFound()) return false;
  RECSAE_RETURN_IF_ERROR(Checked(status, path));
  return true;
}

absl::Status SyncDirectory(rocksdb::Env& env, const std::string& path) {
  std::unique_ptr<rocksdb::Directory> directory;
  RECSAE_RETURN_IF_ERROR(Checked(env.NewDirectory(path, &directory), path));
  return Checked(directory->Fsync(), path);
}

// The program that an earlier version noted; nothing if it noted none, or the note is lost.
absl::StatusOr<std::optional<std::string>> ReadOwner(rocksdb::Env& env, const std::string& path) {
  const std::string file = InDirectory(path, kOwnerFile);
  RECSAE_ASSIGN_OR_RETURN(const bool exists, Exists(env, path, file));
  if (!exists) return std::nullopt;
  std::string owner;
  RECSAE_RETURN_IF_ERROR(Checked(rocksdb::ReadFileToString(&env, file, &owner), path));
  owner.resize(std::min(owner.find('\n'), owner.size()));
  if (!absl::StartsWith(owner, "recsae-")) return std::nullopt;
  return owner;
}

// Whose a folder of databases is, by all that lies in it.
absl::StatusOr<std::optional<std::string>> OwnerOfFolder(rocksdb::Env& env,
                                                         const std::string& path) {
  RECSAE_ASSIGN_OR_RETURN(const MarkerFile file, ReadMarker(env, path));
  if (file.marker.has_value()) return file.marker->service;
  RECSAE_ASSIGN_OR_RETURN(std::optional<std::string> owner, ReadOwner(env, path));
  if (owner.has_value()) return owner;
  RECSAE_ASSIGN_OR_RETURN(const MarkerFile jobs, ReadMarker(env, InDirectory(path, "jobs")));
  if (!jobs.marker.has_value()) return std::nullopt;
  return absl::StrCat("recsae-", jobs.marker->service);
}

}  // namespace

std::string EncodeMarker(const Marker& marker) {
  nlohmann::json json = {{"service", marker.service}, {"format", marker.format}};
  if (!marker.store_id.empty()) json["store_id"] = marker.store_id;
  return json.dump() + "\n";
}

std::optional<Marker> DecodeMarker(absl::string_view bytes) {
  const auto json = nlohmann::json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("service") || !json["service"].is_string() ||
      !json.contains("format")) {
    return std::nullopt;
  }
  const std::optional<int> format = WholeNumber<int>(json["format"]);
  if (!format) return std::nullopt;
  Marker marker = {json["service"].get<std::string>(), *format, ""};
  if (json.contains("store_id") && json["store_id"].is_string()) {
    marker.store_id = json["store_id"].get<std::string>();
  }
  return marker;
}

std::string NewStoreId() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&id, absl::Hex(random(), absl::kZeroPad8));
  return id;
}

absl::Status Refused(absl::string_view reason, const std::string& path, absl::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition, reason,
               absl::StrCat("data directory ", path, " ", message), {{"path", path}});
}

absl::Status CheckMarker(const Marker& marker, const std::string& path, absl::string_view service,
                         int format) {
  if (marker.service != service) return OfOther(path, marker.service, service);
  if (marker.format > format) {
    return Refused("STORE_FORMAT_TOO_NEW", path,
                   absl::StrCat("has format ", marker.format, "; this version reads up to ", format,
                                ": use a newer version"));
  }
  return absl::OkStatus();
}

absl::Status MakeDirectory(rocksdb::Env& env, const std::string& path) {
  bool is_directory = false;
  if (env.FileExists(path).ok() && env.IsDirectory(path, &is_directory).ok() && is_directory) {
    return absl::OkStatus();
  }
  const std::string above = fs::path(path).parent_path().string();
  if (!above.empty()) RECSAE_RETURN_IF_ERROR(MakeDirectory(env, above));
  RECSAE_RETURN_IF_ERROR(Checked(env.CreateDirIfMissing(path), path));
  return SyncDirectory(env, above.empty() ? "." : above);
}

absl::Status CheckFreeSpace(rocksdb::Env& env, const std::string& path, uint64_t bytes) {
  uint64_t free = 0;
  // Not every file system can tell.
  if (!env.GetFreeSpace(path, &free).ok() || free >= bytes) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, "STORE_FULL",
               absl::StrCat("the disk of ", path, " is full: ", free, " bytes are free, ", bytes,
                            " are needed to start; free some, or give another directory"),
               {{"path", path}, {"free_bytes", absl::StrCat(free)}});
}

absl::StatusOr<MarkerFile> ReadMarker(rocksdb::Env& env, const std::string& path) {
  const std::string file = InDirectory(path, kMarkerFile);
  RECSAE_ASSIGN_OR_RETURN(const bool exists, Exists(env, path, file));
  if (!exists) return MarkerFile{};
  std::string text;
  RECSAE_RETURN_IF_ERROR(Checked(rocksdb::ReadFileToString(&env, file, &text), path));
  return MarkerFile{true, DecodeMarker(text)};
}

absl::Status WriteMarker(rocksdb::Env& env, const std::string& path, const Marker& marker) {
  const std::string file = InDirectory(path, kMarkerFile);
  const std::string temporary = absl::StrCat(file, ".", getpid());
  RECSAE_RETURN_IF_ERROR(Checked(
      rocksdb::WriteStringToFile(&env, EncodeMarker(marker), temporary, /*sync=*/true), path));
  RECSAE_RETURN_IF_ERROR(Checked(env.RenameFile(temporary, file), path));
  return SyncDirectory(env, path);
}

absl::StatusOr<bool> HoldsForeignFiles(rocksdb::Env& env, const std::string& path) {
  std::vector<std::string> names;
  RECSAE_RETURN_IF_ERROR(Checked(env.GetChildren(path, &names), path));
  for (const std::string& name : names) {
    // An interrupted WriteMarker, what a first start that was cut off leaves of RocksDB's before
    // there is a database, and what a freshly made volume holds.
    if (!absl::StartsWith(name, absl::StrCat(kMarkerFile, ".")) && name != "lost+found" &&
        name != "LOCK" && !absl::StartsWith(name, "LOG") && name != "." && name != "..") {
      return true;
    }
  }
  return false;
}

absl::Status ClaimFolder(const std::string& path, const std::string& program, rocksdb::Env* env) {
  if (env == nullptr) env = rocksdb::Env::Default();
  RECSAE_RETURN_IF_ERROR(MakeDirectory(*env, path));
  RECSAE_ASSIGN_OR_RETURN(const std::optional<std::string> owner, OwnerOfFolder(*env, path));
  if (owner.has_value() && *owner != program) return OfOther(path, *owner, program);
  RECSAE_ASSIGN_OR_RETURN(const MarkerFile file, ReadMarker(*env, path));
  if (file.marker.has_value()) return CheckMarker(*file.marker, path, program, kFolderFormat);
  RECSAE_RETURN_IF_ERROR(CheckFreeSpace(*env, path, kFolderBytes));
  RECSAE_RETURN_IF_ERROR(WriteMarker(*env, path, {program, kFolderFormat, NewStoreId()}));
  // Nothing is lost if it stays.
  env->DeleteFile(InDirectory(path, kOwnerFile)).PermitUncheckedError();
  return absl::OkStatus();
}

}  // namespace recsae
