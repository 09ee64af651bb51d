#include "common/storage/marker.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae {
namespace {

namespace fs = std::filesystem;

constexpr char kMarkerFile[] = "STORE";

struct Marker {
  std::string service;
  int format = 0;
};

absl::Status Refused(absl::string_view reason, const std::string& path, absl::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition, reason,
               absl::StrCat("data directory ", path, " ", message), {{"path", path}});
}

absl::Status Unusable(const std::string& path, const std::error_code& error) {
  return Refused("STORE_UNUSABLE", path, absl::StrCat("cannot be used: ", error.message()));
}

std::error_code LastError() { return std::error_code(errno, std::generic_category()); }

absl::StatusOr<std::optional<Marker>> ReadMarker(const std::string& path) {
  const fs::path file = fs::path(path) / kMarkerFile;
  std::error_code error;
  if (!fs::exists(file, error)) {
    if (error) return Unusable(path, error);
    return std::nullopt;
  }
  std::ifstream in(file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("service") || !json["service"].is_string() ||
      !json.contains("format") || !json["format"].is_number_integer()) {
    return Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
                 absl::StrCat("data directory ", path, ": its file ", kMarkerFile,
                              " is damaged; expected {\"service\": ..., \"format\": ...}"),
                 {{"path", path}});
  }
  return Marker{json["service"].get<std::string>(), json["format"].get<int>()};
}

absl::Status SyncPath(const std::string& synced, int flags, const std::string& path) {
  const int fd = open(synced.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return Unusable(path, LastError());
  const bool failed = fsync(fd) != 0;
  const std::error_code error = LastError();
  close(fd);
  return failed ? Unusable(path, error) : absl::OkStatus();
}

// Whole or not at all: a temporary file, synced, renamed, and the directory synced.
absl::Status WriteMarker(const std::string& path, const Marker& marker) {
  const nlohmann::json json = {{"service", marker.service}, {"format", marker.format}};
  const fs::path file = fs::path(path) / kMarkerFile;
  const fs::path temporary = absl::StrCat(file.string(), ".", getpid());
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out << json.dump() << "\n";
    out.flush();
    if (!out) return Unusable(path, LastError());
  }
  RECSAE_RETURN_IF_ERROR(SyncPath(temporary.string(), O_RDONLY, path));
  std::error_code error;
  fs::rename(temporary, file, error);
  if (error) return Unusable(path, error);
  return SyncPath(path, O_RDONLY | O_DIRECTORY, path);
}

// Whether something lies there that this project did not write.
absl::StatusOr<bool> HoldsForeignFiles(const std::string& path) {
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    // An interrupted WriteMarker, and what a freshly made volume holds.
    if (!absl::StartsWith(name, absl::StrCat(kMarkerFile, ".")) && name != "lost+found") {
      return true;
    }
  }
  if (error) return Unusable(path, error);
  return false;
}

}  // namespace

absl::StatusOr<int> ClaimDirectory(const std::string& path, absl::string_view service, int format) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return Unusable(path, error);
  RECSAE_ASSIGN_OR_RETURN(const std::optional<Marker> marker, ReadMarker(path));
  if (!marker.has_value()) {
    RECSAE_ASSIGN_OR_RETURN(const bool foreign, HoldsForeignFiles(path));
    if (foreign) {
      return Refused("STORE_OF_OTHER_SERVICE", path,
                     absl::StrCat("is not empty and has no ", kMarkerFile,
                                  " file: give an empty or new directory"));
    }
    RECSAE_RETURN_IF_ERROR(WriteMarker(path, {std::string(service), format}));
    return format;
  }
  if (marker->service != service) {
    return Refused("STORE_OF_OTHER_SERVICE", path,
                   absl::StrCat("belongs to ", marker->service, ", not to ", service));
  }
  if (marker->format > format) {
    return Refused("STORE_FORMAT_TOO_NEW", path,
                   absl::StrCat("has format ", marker->format, "; this version reads up to ",
                                format, ": use a newer version"));
  }
  return marker->format;
}

}  // namespace recsae
