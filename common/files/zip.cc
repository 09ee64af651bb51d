#include "common/files/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/files/shown.h"

namespace recsae::zip {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kDirectoryEntry = 0x02014b50;
constexpr uint32_t kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50;
constexpr uint32_t kEnd64Locator = 0x07064b50;
constexpr size_t kLocalHeaderBytes = 30;
constexpr size_t kDirectoryEntryBytes = 46;
constexpr size_t kEndBytes = 22;
constexpr size_t kEnd64Bytes = 56;
constexpr size_t kLocatorBytes = 20;
constexpr size_t kLongestComment = 0xFFFF;
constexpr uint64_t kIn64 = 0xFFFFFFFF;  // the value is in the extra field
constexpr uint64_t kMostEntries = 100'000;
constexpr size_t kLongestName = 4096;
// Floats hardly shrink: what grows far more than this is no file of arrays.
constexpr uint64_t kMostGrowth = 16;
constexpr uint64_t kAlwaysTaken = uint64_t{64} << 20;
constexpr size_t kAlignment = 64;

absl::Status Malformed(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, kMalformed,
               absl::StrCat("not a zip archive that can be read: ", what));
}

template <typename T>
T Number(absl::string_view bytes, size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

struct Directory {
  uint64_t entries = 0;
  uint64_t begin = 0;
  uint64_t bytes = 0;
};

// The record at the archive's end, behind which only a comment may stand.
absl::StatusOr<Directory> FindDirectory(absl::string_view bytes) {
  if (bytes.size() < kEndBytes) return Malformed("it is too short");
  const size_t last = bytes.size() - kEndBytes;
  const size_t first = last > kLongestComment ? last - kLongestComment : 0;
  size_t at = last;
  while (Number<uint32_t>(bytes, at) != kEnd) {
    if (at == first) return Malformed("it has no directory: it is cut off, or none");
    --at;
  }
  if (Number<uint16_t>(bytes, at + 4) != 0 ||
      Number<uint16_t>(bytes, at + 8) != Number<uint16_t>(bytes, at + 10)) {
    return Malformed("it is one of several parts");
  }
  Directory directory{Number<uint16_t>(bytes, at + 10), Number<uint32_t>(bytes, at + 16),
                      Number<uint32_t>(bytes, at + 12)};
  if (at < kLocatorBytes || Number<uint32_t>(bytes, at - kLocatorBytes) != kEnd64Locator) {
    return directory;
  }
  const auto end64 = Number<uint64_t>(bytes, at - kLocatorBytes + 8);
  if (end64 > bytes.size() || bytes.size() - end64 < kEnd64Bytes ||
      Number<uint32_t>(bytes, end64) != kEnd64) {
    return Malformed("its directory is not where it says");
  }
  return Directory{Number<uint64_t>(bytes, end64 + 32), Number<uint64_t>(bytes, end64 + 48),
                   Number<uint64_t>(bytes, end64 + 40)};
}

// One line of the directory; sizes and place are the 64-bit ones where it has those.
struct Line {
  uint64_t packed = 0;
  uint64_t size = 0;
  uint64_t begin = 0;
};

bool ReadExtra(absl::string_view extra, Line& line) {
  while (extra.size() >= 4) {
    const auto id = Number<uint16_t>(extra, 0);
    const size_t length = Number<uint16_t>(extra, 2);
    extra.remove_prefix(4);
    if (length > extra.size()) return false;
    absl::string_view field = extra.substr(0, length);
    extra.remove_prefix(length);
    if (id != 1) continue;
    for (uint64_t* value : {&line.size, &line.packed, &line.begin}) {
      if (*value != kIn64) continue;
      if (field.size() < 8) return false;
      *value = Number<uint64_t>(field, 0);
      field.remove_prefix(8);
    }
  }
  return true;
}

// The bytes of an entry, behind its local header, whose name and extra field may be longer than in
// the directory.
std::optional<absl::string_view> ContentOf(absl::string_view bytes, const Line& line) {
  if (line.begin > bytes.size() || bytes.size() - line.begin < kLocalHeaderBytes) return {};
  absl::string_view rest = bytes.substr(line.begin);
  if (Number<uint32_t>(rest, 0) != kLocalHeader) return {};
  const size_t header =
      kLocalHeaderBytes + Number<uint16_t>(rest, 26) + size_t{Number<uint16_t>(rest, 28)};
  if (header > rest.size() || line.packed > rest.size() - header) return {};
  return rest.substr(header, line.packed);
}

absl::StatusOr<Entry> ReadLine(absl::string_view bytes, absl::string_view& directory) {
  if (directory.size() < kDirectoryEntryBytes ||
      Number<uint32_t>(directory, 0) != kDirectoryEntry) {
    return Malformed("its directory is cut off");
  }
  const size_t name_bytes = Number<uint16_t>(directory, 28);
  const size_t extra_bytes = Number<uint16_t>(directory, 30);
  const size_t whole =
      kDirectoryEntryBytes + name_bytes + extra_bytes + Number<uint16_t>(directory, 32);
  if (whole > directory.size()) return Malformed("its directory is cut off");
  Entry entry;
  entry.name = std::string(directory.substr(kDirectoryEntryBytes, name_bytes));
  entry.crc = Number<uint32_t>(directory, 16);
  const auto method = Number<uint16_t>(directory, 10);
  entry.deflated = method == 8;
  Line line{Number<uint32_t>(directory, 20), Number<uint32_t>(directory, 24),
            Number<uint32_t>(directory, 42)};
  if (!IsUtf8(entry.name) || entry.name.size() > kLongestName) {
    return Malformed(absl::StrCat("the name ", Quoted(entry.name), " is not UTF-8, or too long"));
  }
  if ((Number<uint16_t>(directory, 8) & 1) != 0) {
    return Malformed(absl::StrCat(Quoted(entry.name), " is encrypted"));
  }
  if (method != 0 && method != 8) {
    return Malformed(absl::StrCat(Quoted(entry.name), " is compressed by method ", method,
                                  "; store or deflate it"));
  }
  const bool extra =
      ReadExtra(directory.substr(kDirectoryEntryBytes + name_bytes, extra_bytes), line);
  const auto content = ContentOf(bytes, line);
  if (!extra || !content || (!entry.deflated && line.packed != line.size)) {
    return Malformed(absl::StrCat(Quoted(entry.name), " is not where the directory says"));
  }
  entry.bytes = *content;
  entry.size = line.size;
  directory.remove_prefix(whole);
  return entry;
}

void Append(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

}  // namespace

absl::StatusOr<std::vector<Entry>> List(absl::string_view bytes) {
  RECSAE_ASSIGN_OR_RETURN(const Directory found, FindDirectory(bytes));
  if (found.begin > bytes.size() || found.bytes > bytes.size() - found.begin) {
    return Malformed("its directory is not where it says");
  }
  if (found.entries > kMostEntries) {
    return Malformed(absl::StrCat("it has ", found.entries, " entries, above ", kMostEntries));
  }
  absl::string_view directory = bytes.substr(found.begin, found.bytes);
  std::vector<Entry> entries;
  std::set<std::string> names;
  uint64_t total = 0;
  const uint64_t most = std::max(kMostGrowth * bytes.size(), kAlwaysTaken);
  for (uint64_t i = 0; i < found.entries; ++i) {
    RECSAE_ASSIGN_OR_RETURN(Entry entry, ReadLine(bytes, directory));
    if (!names.insert(entry.name).second) {
      return Malformed(absl::StrCat(Quoted(entry.name), " is there twice"));
    }
    if (entry.size > most - total) {
      return Malformed(
          absl::StrCat("its entries say to be larger than ", kMostGrowth, " times the archive"));
    }
    total += entry.size;
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::StatusOr<std::string> Read(const Entry& entry) {
  std::string content;
  if (entry.deflated) {
    content.resize(entry.size);
    z_stream stream{};
    // A raw stream: zip has headers of its own.
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return Malformed("zlib has no memory");
    size_t read = 0;
    size_t written = 0;
    int result = Z_OK;
    while (result == Z_OK) {
      // zlib counts in 32 bits.
      constexpr size_t kStep = size_t{1} << 30;
      const auto in = static_cast<uInt>(std::min(entry.bytes.size() - read, kStep));
      const auto out = static_cast<uInt>(std::min(entry.size - written, kStep));
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(entry.bytes.data() + read));
      stream.avail_in = in;
      stream.next_out = reinterpret_cast<Bytef*>(content.data() + written);
      stream.avail_out = out;
      result = inflate(&stream, Z_NO_FLUSH);
      read += in - stream.avail_in;
      written += out - stream.avail_out;
    }
    inflateEnd(&stream);
    if (result != Z_STREAM_END || written != entry.size) {
      return Malformed(absl::StrCat(Quoted(entry.name), " does not inflate to what it says"));
    }
  } else {
    content = std::string(entry.bytes);
  }
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size());
  if (crc != entry.crc) {
    return Malformed(absl::StrCat(Quoted(entry.name), " is damaged: its checksum differs"));
  }
  return content;
}

void Writer::Add(absl::string_view name, absl::string_view content) {
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size());
  // An extra field that readers pass over fills up to the alignment; its own head takes 4 bytes.
  const size_t unpadded = bytes_.size() + kLocalHeaderBytes + name.size() + 4;
  const size_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;
  std::string common;
  for (const int part : {20, 0, 0, 0, 0x21}) Append(common, static_cast<uint64_t>(part), 2);
  Append(common, crc, 4);
  Append(common, content.size(), 4);
  Append(common, content.size(), 4);
  Append(common, name.size(), 2);

  Append(directory_, kDirectoryEntry, 4);
  Append(directory_, 20, 2);
  directory_ += common;
  for (const int bytes : {2, 2, 2, 2, 4}) Append(directory_, 0, bytes);
  Append(directory_, bytes_.size(), 4);
  absl::StrAppend(&directory_, name);

  Append(bytes_, kLocalHeader, 4);
  bytes_ += common;
  Append(bytes_, padding + 4, 2);
  absl::StrAppend(&bytes_, name);
  bytes_ += "FB";
  Append(bytes_, padding, 2);
  bytes_.append(padding, 'Z');
  absl::StrAppend(&bytes_, content);
  ++entries_;
}

absl::StatusOr<std::string> Writer::Finish() {
  if (bytes_.size() + directory_.size() + kEndBytes > kIn64 || entries_ > 0xFFFF) {
    return Error(absl::StatusCode::kInvalidArgument, "ZIP_TOO_LARGE",
                 absl::StrCat("an archive of ", bytes_.size(),
                              " bytes is above the 4 GiB that are "
                              "written; choose another format"));
  }
  const size_t begin = bytes_.size();
  bytes_ += directory_;
  Append(bytes_, kEnd, 4);
  Append(bytes_, 0, 4);
  Append(bytes_, entries_, 2);
  Append(bytes_, entries_, 2);
  Append(bytes_, directory_.size(), 4);
  Append(bytes_, begin, 4);
  Append(bytes_, 0, 2);
  return std::move(bytes_);
}

}  // namespace recsae::zip
