// The RPC service recsae.backups.v1.Backups over Backups (common/storage/backup.h).
#ifndef RECSAE_COMMON_PROCESS_BACKUPS_SERVICE_H_
#define RECSAE_COMMON_PROCESS_BACKUPS_SERVICE_H_

#include <memory>

namespace grpc {
class Service;
}  // namespace grpc

namespace recsae {

class Backups;

// `backups` must outlive it. Destroy it after the server that serves it has shut down.
std::unique_ptr<grpc::Service> MakeBackupsService(Backups& backups);

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_BACKUPS_SERVICE_H_
