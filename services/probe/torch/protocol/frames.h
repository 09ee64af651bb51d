// Messages between a probe and a recsae-torch-host on a stream socket.
#ifndef RECSAE_SERVICES_PROBE_TORCH_PROTOCOL_FRAMES_H_
#define RECSAE_SERVICES_PROBE_TORCH_PROTOCOL_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace recsae::probe {

// Of one message. Far above what is sent on purpose: a row of the widest site at every position.
inline constexpr uint32_t kMaxFrameBytes = uint32_t{256} << 20;
// Long things go in parts of so many bytes.
inline constexpr size_t kPartBytes = size_t{1} << 20;

// Writes one message, blocking. UNAVAILABLE (HOST_AWAY) where the other side is gone. Not
// thread-safe for one socket.
absl::Status WriteFrame(int socket, const google::protobuf::MessageLite& message);

// Reads messages off a socket, which it does not own. Not thread-safe.
class FrameReader {
 public:
  explicit FrameReader(int socket) : socket_(socket) {}

  // Blocks for the next message; false where the other side is gone. DATA_LOSS (FRAME_INVALID) for
  // bytes that are none.
  absl::StatusOr<bool> Read(google::protobuf::MessageLite* message);

  // Whether Read would not wait for the other side, after at most `milliseconds`.
  bool Wait(int milliseconds) const;

 private:
  // So many bytes in the buffer from begin_ on; false at the end of the stream.
  bool Fill(size_t bytes);

  const int socket_;
  std::string buffer_;
  size_t begin_ = 0;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_TORCH_PROTOCOL_FRAMES_H_
