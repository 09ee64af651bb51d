#include "common/storage/info_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace recsae {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLineBytes = 4096;
constexpr int64_t kFileBytes = 4 << 20;

class InfoLog : public rocksdb::Logger {
 public:
  explicit InfoLog(std::string file)
      : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), file_(std::move(file)) {}
  ~InfoLog() override {
    if (fd_ >= 0) ::close(fd_);
  }

  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char text[kLineBytes];
    const int length = std::vsnprintf(text, sizeof(text), format, arguments);
    if (length <= 0) return;
    const absl::string_view line(text, std::min<size_t>(length, sizeof(text) - 1));
    const std::lock_guard<std::mutex> lock(mutex_);
    Open();
    const std::string out =
        absl::StrCat(absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone()), " ",
                     line, line.back() == '\n' ? "" : "\n");
    if (const ssize_t written = ::write(fd_, out.data(), out.size()); written > 0) {
      bytes_ += written;
    }
  }

 private:
  void Open() {
    if (fd_ >= 0 && bytes_ < kFileBytes) return;
    if (fd_ >= 0) ::close(fd_);
    struct stat before = {};
    std::error_code error;
    if (::stat(file_.c_str(), &before) == 0 && before.st_size >= kFileBytes) {
      fs::rename(file_, absl::StrCat(file_, ".old"), error);
      before.st_size = 0;
    }
    fd_ = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    bytes_ = before.st_size;
  }

  const std::string file_;
  std::mutex mutex_;
  int fd_ = -1;
  int64_t bytes_ = 0;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> MakeInfoLog(const std::string& directory) {
  return std::make_shared<InfoLog>((fs::path(directory) / "LOG").string());
}

}  // namespace recsae
