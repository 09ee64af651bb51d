// The services that the explainer is a client of.
#ifndef RECSAE_SERVICES_EXPLAINER_PEERS_PEERS_H_
#define RECSAE_SERVICES_EXPLAINER_PEERS_PEERS_H_

#include <memory>
#include <utility>

#include "common/client/peer.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::explainer {

// Thread-safe.
struct Peers {
  Peers(std::shared_ptr<Peer> probe_peer, std::shared_ptr<Peer> concept_store_peer)
      : probe(std::move(probe_peer)), concept_store(std::move(concept_store_peer)) {}

  PeerStub<probe::v1::Probe> probe;
  PeerStub<concept_store::v1::ConceptStore> concept_store;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_PEERS_PEERS_H_
