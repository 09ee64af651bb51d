#include "services/probe/torch/shared_bytes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::probe {

absl::StatusOr<std::shared_ptr<const SharedBytes>> SharedBytes::Make(absl::string_view bytes) {
  const auto failed = [&](absl::string_view what) {
    return Error(absl::StatusCode::kResourceExhausted, "NO_MEMORY",
                 absl::StrCat("a model of ", bytes.size(), " bytes finds no room: ", what, ": ",
                              std::strerror(errno)));
  };
  const int file = memfd_create("recsae-model", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) return failed("memfd_create");
  std::shared_ptr<const SharedBytes> made(new SharedBytes(file, bytes.size()));
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t written = write(file, bytes.data() + at, bytes.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failed("write");
    at += static_cast<size_t>(written);
  }
  fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  return made;
}

SharedBytes::~SharedBytes() { close(file_); }

std::string SharedBytes::Read() const {
  std::string bytes(size_, '\0');
  for (size_t at = 0; at < size_;) {
    const ssize_t got = pread(file_, bytes.data() + at, size_ - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // of memory, and sealed: it does not happen
    at += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace recsae::probe
