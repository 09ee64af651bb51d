// Zip archives as torch.save and numpy.savez write them: entries stored or deflated.
#ifndef RECSAE_COMMON_FILES_ZIP_H_
#define RECSAE_COMMON_FILES_ZIP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::zip {

// INVALID_ARGUMENT with the reason of every error here.
inline constexpr char kMalformed[] = "ZIP_MALFORMED";

struct Entry {
  std::string name;         // valid UTF-8
  absl::string_view bytes;  // as they lie in the archive
  size_t size = 0;          // when inflated
  uint32_t crc = 0;
  bool deflated = false;
};

// What the archive's directory lists; the entries point into `bytes`. Nothing of the bytes is
// trusted. Refused are: encrypted entries, other methods of compression, names twice, archives of
// several files, more than 100,000 entries, and entries that together say to be larger than 16
// times the archive and 64 MiB.
absl::StatusOr<std::vector<Entry>> List(absl::string_view bytes);

// The content of an entry, whose checksum must fit.
absl::StatusOr<std::string> Read(const Entry& entry);

// An archive of stored entries, each one's content at a multiple of 64 bytes.
class Writer {
 public:
  void Add(absl::string_view name, absl::string_view content);
  // INVALID_ARGUMENT (ZIP_TOO_LARGE) for archives of 4 GiB and more.
  absl::StatusOr<std::string> Finish();

 private:
  std::string bytes_;
  std::string directory_;
  size_t entries_ = 0;
};

}  // namespace recsae::zip

#endif  // RECSAE_COMMON_FILES_ZIP_H_
