#include "common/files/whole_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::cli {
namespace {

absl::Status NotWritable(const std::string& path, const std::string& why) {
  return Error(absl::StatusCode::kInternal, "FILE_NOT_WRITABLE", absl::StrCat(path, ": ", why),
               {{"file", path}});
}

}  // namespace

absl::Status WriteWholeFile(const std::string& path, absl::string_view content) {
  const std::string part = path + ".part";
  errno = 0;
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) return NotWritable(part, std::strerror(errno));
  std::error_code error;
  std::filesystem::rename(part, path, error);
  return error ? NotWritable(path, error.message()) : absl::OkStatus();
}

}  // namespace recsae::cli
