#include "services/probe/datasets/line_source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"

namespace recsae::probe {
namespace {

constexpr size_t kChunkBytes = size_t{64} << 10;
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr char kControlZ = '\x1A';

}  // namespace

LineSource::LineSource(std::string path, std::unique_ptr<ByteSource> bytes, Reading* reading)
    : path_(std::move(path)),
      bytes_(std::move(bytes)),
      reading_(reading),
      chunk_(kChunkBytes, '\0') {}

absl::StatusOr<LineSource> LineSource::Open(const std::string& path, Reading* reading) {
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> bytes, OpenFile(path));
  return LineSource(path, std::move(bytes), reading);
}

void LineSource::Take(absl::string_view piece) {
  if (std::exchange(first_, false)) {
    size_t mark = 0;
    const Encoding encoding = DetectEncoding(piece, &mark);
    if (encoding != Encoding::kUtf8) wide_.emplace(encoding);
    piece.remove_prefix(mark);
    if (wide_) {
      wide_->Decode(piece, &text_);
    } else {
      text_.append(piece.data(), piece.size());
    }
    const bool carriage_return = text_.find('\r') != std::string::npos;
    if (carriage_return && text_.find('\n') == std::string::npos) end_ = '\r';
    return;
  }
  if (wide_) {
    wide_->Decode(piece, &text_);
  } else {
    text_.append(piece.data(), piece.size());
  }
}

bool LineSource::Fill() {
  if (ended_) return false;
  text_.erase(0, at_);
  searched_ -= at_;
  at_ = 0;
  status_ = reading_->MayProceed();
  if (!status_.ok()) return false;
  const absl::StatusOr<size_t> size = bytes_->Read(chunk_.data(), chunk_.size());
  status_ = size.status();
  if (!status_.ok()) return false;
  ended_ = *size == 0;
  if (ended_ && wide_) wide_->Finish(&text_);
  if (!ended_) Take(absl::string_view(chunk_).substr(0, *size));
  if (ended_ && !text_.empty() && text_.back() == kControlZ) text_.pop_back();
  if (text_.size() > kMaxLineBytes + kChunkBytes * 2) {
    status_ = MalformedError(path_, number_ + 1,
                             absl::StrCat("the line is longer than ", kMaxLineBytes, " bytes"));
  }
  return status_.ok();
}

bool LineSource::Next(absl::string_view* line) {
  if (!status_.ok()) return false;
  size_t end = text_.find(end_, searched_);
  while (end == std::string::npos) {
    searched_ = text_.size();
    if (!Fill()) break;
    end = text_.find(end_, searched_);
  }
  if (!status_.ok()) return false;
  absl::string_view rest = absl::string_view(text_).substr(at_);
  if (end == std::string::npos) {
    if (rest.empty()) return false;
    *line = rest;
    at_ = searched_ = text_.size();
  } else {
    *line = rest.substr(0, end - at_);
    at_ = searched_ = end + 1;
  }
  ++number_;
  if (end_ == '\r') absl::ConsumePrefix(line, "\n");
  absl::ConsumePrefix(line, kByteOrderMark);
  absl::ConsumeSuffix(line, "\r");
  // The end of the file for DOS, blank lines behind it or not.
  if (line->size() == 1 && line->front() == kControlZ) line->remove_prefix(1);
  return true;
}

}  // namespace recsae::probe
