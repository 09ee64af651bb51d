#include "services/probe/store/resource_table.h"

#include "absl/strings/str_cat.h"
#include "common/storage/keys.h"

namespace recsae::probe {

// uid (8), head uid (8), length of the origin (4), origin, message.
std::string EncodeRecord(const RecordHeader& header, absl::string_view message) {
  return absl::StrCat(BigEndian64(header.uid), BigEndian64(header.head_uid),
                      BigEndian32(static_cast<uint32_t>(header.origin.size())), header.origin,
                      message);
}

absl::StatusOr<std::string> DecodeRecord(absl::string_view bytes, RecordHeader* header) {
  constexpr size_t kFixed = 20;
  if (bytes.size() < kFixed || bytes.size() - kFixed < ReadBigEndian32(bytes.substr(16))) {
    return Error(absl::StatusCode::kDataLoss, "RECORD_CORRUPT",
                 absl::StrCat("a stored record of ", bytes.size(), " bytes is too short"));
  }
  header->uid = ReadBigEndian64(bytes);
  header->head_uid = ReadBigEndian64(bytes.substr(8));
  const uint32_t origin = ReadBigEndian32(bytes.substr(16));
  header->origin = std::string(bytes.substr(kFixed, origin));
  return std::string(bytes.substr(kFixed + origin));
}

}  // namespace recsae::probe
