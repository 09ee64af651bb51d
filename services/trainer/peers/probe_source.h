// Activations read from the probe service, again after each passing failure.
#ifndef RECSAE_SERVICES_TRAINER_PEERS_PROBE_SOURCE_H_
#define RECSAE_SERVICES_TRAINER_PEERS_PROBE_SOURCE_H_

#include <memory>

#include "recsae/probe/v1/probe.pb.h"
#include "services/trainer/rows/activation_source.h"

namespace recsae {
class Peer;
}  // namespace recsae

namespace recsae::trainer {

// What training has to know of a capture.
CaptureInfo ToCaptureInfo(const probe::v1::Capture& capture);

// A probe that cannot be reached is tried again for about a minute; reading goes on at the row
// where it broke off. Errors keep the probe's code and details; after the last attempt UNAVAILABLE
// (reason PEER_UNAVAILABLE) names the peer. A tensor that is not finite or of another dimension is
// refused as ReadMatrix does.
std::unique_ptr<ActivationSource> MakeProbeSource(std::shared_ptr<Peer> probe);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_PEERS_PROBE_SOURCE_H_
