// Publishes trained SAEs to the concept-store service.
#ifndef RECSAE_SERVICES_TRAINER_PEERS_STORE_PUBLISHER_H_
#define RECSAE_SERVICES_TRAINER_PEERS_STORE_PUBLISHER_H_

#include <memory>

#include "services/trainer/run/publisher.h"

namespace recsae {
class Peer;
}  // namespace recsae

namespace recsae::trainer {

// Streams the weights in messages of about 1 MiB; a store that cannot be reached is tried again for
// about a minute, from the start of the stream. Errors keep the store's code and details.
std::unique_ptr<SaePublisher> MakeStorePublisher(std::shared_ptr<Peer> store);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_PEERS_STORE_PUBLISHER_H_
