// The lines of a text file, whatever ends them and in whatever encoding.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_LINE_SOURCE_H_
#define RECSAE_SERVICES_PROBE_DATASETS_LINE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/probe/datasets/byte_source.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/reading.h"

namespace recsae::probe {

// Reads line by line. Lines end in LF, CR LF, or CR alone where the file has no LF; a byte-order
// mark at a line's start and a control-Z at the end of the file are taken off; UTF-16 and UTF-32
// come as UTF-8, other bytes as they are. Not thread-safe.
class LineSource {
 public:
  // Errors: OpenFile's.
  static absl::StatusOr<LineSource> Open(const std::string& path, Reading* reading);

  // The next line without its end, valid until the next call; false at the end or on an error:
  // INVALID_ARGUMENT (DATASET_MALFORMED) for a line longer than kMaxLineBytes, what reading the
  // file and reading->proceed return.
  bool Next(absl::string_view* line);
  const absl::Status& status() const { return status_; }
  int64_t number() const { return number_; }  // of the line that Next gave, from 1

 private:
  LineSource(std::string path, std::unique_ptr<ByteSource> bytes, Reading* reading);
  bool Fill();  // false: nothing more
  void Take(absl::string_view piece);

  std::string path_;
  std::unique_ptr<ByteSource> bytes_;
  Reading* reading_;
  std::string chunk_;  // as read
  std::string text_;   // what is not handed out yet starts at at_
  size_t at_ = 0;
  size_t searched_ = 0;  // no line ends between at_ and there
  bool first_ = true;
  bool ended_ = false;
  char end_ = '\n';
  std::optional<WideDecoder> wide_;
  int64_t number_ = 0;
  absl::Status status_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_LINE_SOURCE_H_
