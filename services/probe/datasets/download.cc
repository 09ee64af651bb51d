// libcurl and libarchive.
#include "services/probe/datasets/download.h"

#include <archive.h>
#include <archive_entry.h>
#include <curl/curl.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::probe {
namespace {

constexpr int kMaxFiles = 10'000;

size_t WriteBytes(const char* data, size_t size, size_t count, void* file) {
  static_cast<std::ofstream*>(file)->write(data, static_cast<std::streamsize>(size * count));
  return static_cast<std::ofstream*>(file)->good() ? size * count : 0;
}

int ReportProgress(void* callback, curl_off_t total, curl_off_t done, curl_off_t, curl_off_t) {
  const auto& progress = *static_cast<const DownloadCallback*>(callback);
  return !progress || progress(done, total) ? 0 : 1;
}

absl::Status Corrupt(const std::string& archive, absl::string_view problem) {
  return Error(absl::StatusCode::kDataLoss, "DOWNLOAD_CORRUPT",
               absl::StrCat("cannot unpack the archive: ", problem), {{"file", archive}});
}

bool StaysInside(const std::filesystem::path& path) {
  if (path.empty() || path.is_absolute()) return false;
  for (const auto& part : path) {
    if (part == "..") return false;
  }
  return true;
}

absl::Status TooLarge(const std::string& archive, absl::string_view what) {
  return Error(absl::StatusCode::kResourceExhausted, "ARCHIVE_TOO_LARGE",
               absl::StrCat("the archive unpacks to more than ", what, "; no data set is so large"),
               {{"file", archive}});
}

// Adds to `bytes`, the size of all entries so far.
absl::Status WriteEntry(const std::string& archive_name, archive* reader,
                        const std::filesystem::path& path, int64_t max_bytes,
                        const DownloadCallback& progress, int64_t& bytes) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::binary);
  std::array<char, 1 << 16> buffer;
  la_ssize_t size = 0;
  while ((size = archive_read_data(reader, buffer.data(), buffer.size())) > 0) {
    bytes += size;
    if (bytes > max_bytes) return TooLarge(archive_name, absl::StrCat(max_bytes, " bytes"));
    if (progress && !progress(bytes, 0)) {
      return Error(absl::StatusCode::kCancelled, "CANCELLED",
                   absl::StrCat("cancelled unpacking ", archive_name));
    }
    file.write(buffer.data(), size);
  }
  if (size < 0) return Corrupt(archive_name, archive_error_string(reader));
  file.close();
  return file.good() ? absl::OkStatus()
                     : Corrupt(archive_name, absl::StrCat("cannot write ", path.string()));
}

}  // namespace

absl::Status Download(const std::string& url, const std::string& path, int connect_timeout_seconds,
                      const DownloadCallback& progress) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  std::ofstream file(path, std::ios::binary);
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  std::array<char, CURL_ERROR_SIZE> problem{};
  CURL* c = curl.get();
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(c, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT,
                   static_cast<long>(connect_timeout_seconds));  // NOLINT
  curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, 30L);
  curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(kMaxDownloadBytes));
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, problem.data());
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, WriteBytes);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &file);
  curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, ReportProgress);
  curl_easy_setopt(c, CURLOPT_XFERINFODATA, const_cast<DownloadCallback*>(&progress));
  const CURLcode code = curl_easy_perform(c);
  file.close();
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return Error(absl::StatusCode::kCancelled, "CANCELLED",
                 absl::StrCat("cancelled fetching ", url));
  }
  if (code == CURLE_OK && file.good()) return absl::OkStatus();
  const std::string reason = problem[0] != '\0' ? problem.data() : curl_easy_strerror(code);
  return Error(absl::StatusCode::kUnavailable, "DOWNLOAD_FAILED", absl::StrCat(url, ": ", reason),
               {{"url", url}});
}

absl::Status Unpack(const std::string& archive_name, const std::string& folder, int64_t max_bytes,
                    const DownloadCallback& progress) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  archive_read_support_format_all(reader.get());
  archive_read_support_filter_all(reader.get());
  if (archive_read_open_filename(reader.get(), archive_name.c_str(), 1 << 16) != ARCHIVE_OK) {
    return Corrupt(archive_name, archive_error_string(reader.get()));
  }
  archive_entry* entry = nullptr;
  int result = ARCHIVE_OK;
  int files = 0;
  int64_t bytes = 0;
  while ((result = archive_read_next_header(reader.get(), &entry)) == ARCHIVE_OK) {
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    if (++files > kMaxFiles) return TooLarge(archive_name, absl::StrCat(kMaxFiles, " files"));
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) return Corrupt(archive_name, "a name in it is no text");
    const std::filesystem::path path = name;
    if (!StaysInside(path)) {
      return Corrupt(archive_name,
                     absl::StrCat("it names ", path.string(), ", outside the folder"));
    }
    RECSAE_RETURN_IF_ERROR(WriteEntry(archive_name, reader.get(),
                                      std::filesystem::path(folder) / path, max_bytes, progress,
                                      bytes));
  }
  return result == ARCHIVE_EOF ? absl::OkStatus()
                               : Corrupt(archive_name, archive_error_string(reader.get()));
}

}  // namespace recsae::probe
