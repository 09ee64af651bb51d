// Which probe and which recsae-torch-host understand each other.
#ifndef RECSAE_SERVICES_PROBE_TORCH_PROTOCOL_VERSION_H_
#define RECSAE_SERVICES_PROBE_TORCH_PROTOCOL_VERSION_H_

#include <string>

namespace recsae::probe {

// Of this program: the release, and a fingerprint of the messages. Builds of one release that differ
// elsewhere go together. "0.1.0 (messages 1a2b3c4d5e6f7a8b)".
std::string ProtocolVersion();

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_TORCH_PROTOCOL_VERSION_H_
