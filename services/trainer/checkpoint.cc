#include "services/trainer/checkpoint.h"

#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/status/status.h"

namespace recsae::trainer {
namespace {

// "RTCP" and the version of the layout.
constexpr uint64_t kMagic = 0x0000'0001'5043'5452;

struct Header {
  uint64_t magic;
  int64_t rows;
  double seconds;
  uint64_t nonce;
  int64_t dim;
};
static_assert(sizeof(Header) == 40);

}  // namespace

std::string Encode(const Checkpoint& checkpoint) {
  const Header header{kMagic, checkpoint.rows, checkpoint.seconds, checkpoint.nonce,
                      checkpoint.dim};
  std::string bytes(sizeof(header), '\0');
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes + checkpoint.trainer_state;
}

absl::StatusOr<Checkpoint> DecodeCheckpoint(absl::string_view bytes) {
  Header header{};
  if (bytes.size() >= sizeof(header)) std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kMagic || header.rows < 1 || header.dim < 1 ||
      header.dim > std::numeric_limits<int32_t>::max()) {
    return Error(absl::StatusCode::kDataLoss, "CHECKPOINT_DAMAGED",
                 absl::StrCat("the checkpoint of ", bytes.size(),
                              " bytes is not one of this version; start the training again"));
  }
  bytes.remove_prefix(sizeof(header));
  return Checkpoint{header.rows, static_cast<int32_t>(header.dim), header.seconds, header.nonce,
                    std::string(bytes)};
}

}  // namespace recsae::trainer
