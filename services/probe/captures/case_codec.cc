#include "services/probe/captures/case_codec.h"

#include <bit>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::probe {
namespace {

void AddVarint(uint64_t value, std::string* bytes) {
  while (value >= 0x80) {
    bytes->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  bytes->push_back(static_cast<char>(value));
}

// Takes values off the front of bytes; after the first failure every value is 0 and ok() is false.
class Parser {
 public:
  explicit Parser(absl::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && bytes_.empty(); }

  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }

  // A count of things that take at least a byte each.
  size_t Count() {
    const uint64_t count = Varint();
    if (count > bytes_.size()) ok_ = false;
    return ok_ ? count : 0;
  }

  // `before` is added: of numbers stored as differences.
  int32_t Item(int32_t before = 0) {
    const uint64_t item = Varint();
    if (item > static_cast<uint64_t>(std::numeric_limits<int32_t>::max() - before)) ok_ = false;
    return ok_ ? before + static_cast<int32_t>(item) : 0;
  }

  absl::string_view Bytes(size_t count) {
    if (count > bytes_.size()) ok_ = false;
    if (!ok_) return "";
    const absl::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

  float Float() {
    uint32_t bits = 0;
    int shift = 0;
    for (const char byte : Bytes(4)) {
      bits |= uint32_t{static_cast<unsigned char>(byte)} << shift;
      shift += 8;
    }
    return std::bit_cast<float>(bits);
  }

 private:
  absl::string_view bytes_;
  bool ok_ = true;
};

}  // namespace

std::string EncodeCase(const StoredCase& stored) {
  std::string bytes;
  bytes.reserve(16 + stored.user_id.size() + 2 * (stored.history.size() + stored.excluded.size()) +
                6 * stored.ranked.size());
  AddVarint(stored.user_id.size(), &bytes);
  bytes += stored.user_id;
  AddVarint(static_cast<uint64_t>(int64_t{stored.target} + 1), &bytes);
  AddVarint(stored.history.size(), &bytes);
  for (const int32_t item : stored.history) AddVarint(item, &bytes);
  AddVarint(stored.ranked.size(), &bytes);
  for (const ScoredItem& ranked : stored.ranked) {
    AddVarint(ranked.item, &bytes);
    const auto bits = std::bit_cast<uint32_t>(ranked.score);
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(bits >> shift));
  }
  AddVarint(stored.excluded.size(), &bytes);
  int32_t before = 0;
  for (const int32_t item : stored.excluded) {
    AddVarint(item - before, &bytes);
    before = item;
  }
  return bytes;
}

absl::StatusOr<StoredCase> DecodeCase(absl::string_view bytes) {
  Parser parser(bytes);
  StoredCase stored;
  stored.user_id = std::string(parser.Bytes(parser.Count()));
  stored.target = parser.Item() - 1;
  stored.history.resize(parser.Count());
  for (int32_t& item : stored.history) item = parser.Item();
  stored.ranked.resize(parser.Count());
  for (ScoredItem& ranked : stored.ranked) {
    ranked.item = parser.Item();
    ranked.score = parser.Float();
  }
  stored.excluded.resize(parser.Count());
  int32_t before = 0;
  for (int32_t& item : stored.excluded) item = before = parser.Item(before);
  if (parser.at_end()) return stored;
  return Error(absl::StatusCode::kDataLoss, "CASE_CORRUPT",
               absl::StrCat("a stored case of ", bytes.size(), " bytes cannot be read"));
}

}  // namespace recsae::probe
