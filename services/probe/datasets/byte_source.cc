#include "services/probe/datasets/byte_source.h"

#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "services/probe/datasets/other_kinds.h"
#include "services/probe/datasets/read_ahead.h"

namespace recsae::probe {
namespace {

constexpr size_t kPackedBytes = size_t{64} << 10;  // read at a time

absl::Status Broken(const std::string& path, absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "DATASET_MALFORMED",
               absl::StrCat(path, " cannot be unpacked: ", why), {{"file", path}});
}

class PlainSource : public ByteSource {
 public:
  explicit PlainSource(const std::string& path) : path_(path), file_(path, std::ios::binary) {}

  bool is_open() const { return file_.is_open(); }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (file_.eof()) return 0;
    file_.read(buffer, static_cast<std::streamsize>(size));
    if (file_.bad()) {
      return Error(absl::StatusCode::kUnavailable, "DATA_FILE_UNREADABLE",
                   absl::StrCat("reading ", path_, " failed"), {{"file", path_}});
    }
    return static_cast<size_t>(file_.gcount());
  }

  // The first four bytes, without reading them.
  std::string Magic() {
    std::string magic(4, '\0');
    file_.read(magic.data(), 4);
    magic.resize(static_cast<size_t>(file_.gcount()));
    file_.clear();
    file_.seekg(0);
    return magic;
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::ifstream file_;
};

// Packed bytes from the file, as an unpacker takes them.
class Packed {
 public:
  explicit Packed(std::unique_ptr<PlainSource> file)
      : file_(std::move(file)), buffer_(kPackedBytes, '\0') {}

  // False at the end of the file.
  absl::StatusOr<bool> Refill() {
    RECSAE_ASSIGN_OR_RETURN(size_, file_->Read(buffer_.data(), buffer_.size()));
    return size_ > 0;
  }
  char* data() { return buffer_.data(); }
  size_t size() const { return size_; }
  const std::string& path() const { return file_->path(); }

 private:
  std::unique_ptr<PlainSource> file_;
  std::string buffer_;
  size_t size_ = 0;
};

// One or more gzip members, as `cat a.gz b.gz` makes them.
class GzipSource : public ByteSource {
 public:
  explicit GzipSource(std::unique_ptr<PlainSource> file) : packed_(std::move(file)) {
    constexpr int kGzipAlone = 16 + MAX_WBITS;
    ready_ = inflateInit2(&stream_, kGzipAlone) == Z_OK;
  }
  ~GzipSource() override {
    if (ready_) inflateEnd(&stream_);
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (!ready_) return Broken(packed_.path(), "no memory for it");
    stream_.next_out = reinterpret_cast<Bytef*>(buffer);
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out == size) {
      if (stream_.avail_in == 0) {
        RECSAE_ASSIGN_OR_RETURN(const bool more, packed_.Refill());
        if (!more && !member_ended_) return Broken(packed_.path(), "it is cut off");
        if (!more) return 0;
        stream_.next_in = reinterpret_cast<Bytef*>(packed_.data());
        stream_.avail_in = static_cast<uInt>(packed_.size());
      }
      if (std::exchange(member_ended_, false)) inflateReset(&stream_);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      member_ended_ = result == Z_STREAM_END;
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        return Broken(packed_.path(), stream_.msg == nullptr ? "it is no gzip" : stream_.msg);
      }
    }
    return size - stream_.avail_out;
  }

 private:
  Packed packed_;
  z_stream stream_ = {};
  bool ready_ = false;
  bool member_ended_ = false;
};

class ZstdSource : public ByteSource {
 public:
  explicit ZstdSource(std::unique_ptr<PlainSource> file)
      : packed_(std::move(file)), stream_(ZSTD_createDStream(), ZSTD_freeDStream) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (stream_ == nullptr) return Broken(packed_.path(), "no memory for it");
    ZSTD_outBuffer out = {buffer, size, 0};
    while (out.pos == 0) {
      if (in_.pos == in_.size && !pending_) {
        RECSAE_ASSIGN_OR_RETURN(const bool more, packed_.Refill());
        if (!more && left_ != 0) return Broken(packed_.path(), "it is cut off");
        if (!more) return 0;
        in_ = {packed_.data(), packed_.size(), 0};
      }
      left_ = ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (ZSTD_isError(left_) != 0) return Broken(packed_.path(), ZSTD_getErrorName(left_));
      pending_ = out.pos == out.size;  // there may be more of what was taken already
    }
    return out.pos;
  }

 private:
  Packed packed_;
  std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream_;
  ZSTD_inBuffer in_ = {nullptr, 0, 0};
  size_t left_ = 0;
  bool pending_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> OpenFile(const std::string& path) {
  std::error_code error;
  auto file = std::make_unique<PlainSource>(path);
  if (!file->is_open() || !std::filesystem::is_regular_file(path, error)) {
    return Error(absl::StatusCode::kNotFound, "DATA_FILE_NOT_FOUND",
                 absl::StrCat("cannot read ", path, "; check the name and that it is readable"),
                 {{"file", path}});
  }
  const std::string magic = file->Magic();
  if (absl::StartsWith(magic, "\x1F\x8B"))
    return std::make_unique<ReadAhead>(std::make_unique<GzipSource>(std::move(file)));
  if (magic == "\x28\xB5\x2F\xFD")
    return std::make_unique<ReadAhead>(std::make_unique<ZstdSource>(std::move(file)));
  if (const std::string other = OtherKindOfBytes(magic, path); !other.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "DATASET_MALFORMED",
                 absl::StrCat(path, " is ", other), {{"file", path}});
  }
  return file;
}

absl::string_view WithoutPacking(absl::string_view name) {
  for (const absl::string_view ending : {".gz", ".zst", ".zstd"}) {
    if (absl::EndsWithIgnoreCase(name, ending)) return name.substr(0, name.size() - ending.size());
  }
  return name;
}

}  // namespace recsae::probe
