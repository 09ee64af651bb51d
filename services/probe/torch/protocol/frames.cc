#include "services/probe/torch/protocol/frames.h"

#include <google/protobuf/message_lite.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::probe {
namespace {

static_assert(std::endian::native == std::endian::little, "lengths are sent as they are in memory");

constexpr size_t kReadBytes = size_t{64} << 10;

absl::Status Invalid(absl::string_view what) {
  return Error(absl::StatusCode::kDataLoss, "FRAME_INVALID",
               absl::StrCat("the other side of the socket sent ", what));
}

}  // namespace

absl::Status WriteFrame(int socket, const google::protobuf::MessageLite& message) {
  const auto length = static_cast<uint32_t>(message.ByteSizeLong());
  std::string frame(sizeof(length) + length, '\0');
  std::memcpy(frame.data(), &length, sizeof(length));
  message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(frame.data()) +
                                          sizeof(length));
  for (size_t at = 0; at < frame.size();) {
    const ssize_t sent = send(socket, frame.data() + at, frame.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      return Error(absl::StatusCode::kUnavailable, "HOST_AWAY",
                   absl::StrCat("the other side of the socket is gone: ", std::strerror(errno)));
    }
    at += static_cast<size_t>(sent);
  }
  return absl::OkStatus();
}

bool FrameReader::Fill(size_t bytes) {
  while (buffer_.size() - begin_ < bytes) {
    buffer_.erase(0, begin_);
    begin_ = 0;
    const size_t held = buffer_.size();
    // Not the length that was announced at once: it is only a promise.
    buffer_.resize(held + std::clamp(bytes - held, kReadBytes, kPartBytes));
    const ssize_t got = recv(socket_, buffer_.data() + held, buffer_.size() - held, 0);
    buffer_.resize(held + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
  }
  return true;
}

absl::StatusOr<bool> FrameReader::Read(google::protobuf::MessageLite* message) {
  uint32_t length = 0;
  if (!Fill(sizeof(length))) return false;
  std::memcpy(&length, buffer_.data() + begin_, sizeof(length));
  if (length > kMaxFrameBytes) return Invalid(absl::StrCat("a message of ", length, " bytes"));
  if (!Fill(sizeof(length) + length)) return false;
  const bool parsed =
      message->ParseFromArray(buffer_.data() + begin_ + sizeof(length), static_cast<int>(length));
  begin_ += sizeof(length) + length;
  if (begin_ == buffer_.size()) {
    begin_ = 0;
    buffer_.clear();
    if (buffer_.capacity() > kPartBytes) buffer_.shrink_to_fit();
  }
  if (!parsed) return Invalid("bytes that are not a message");
  return true;
}

bool FrameReader::Wait(int milliseconds) const {
  if (begin_ < buffer_.size()) return true;
  pollfd waited = {socket_, POLLIN, 0};
  return poll(&waited, 1, milliseconds) > 0;
}

}  // namespace recsae::probe
