#include "common/process/backups_service.h"

#include <grpcpp/server_context.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"
#include "common/storage/backup.h"
#include "common/storage/backup_message.h"
#include "recsae/backups/v1/backups.grpc.pb.h"

namespace recsae {
namespace {

using backups::v1::Backup;
using backups::v1::CreateBackupRequest;
using backups::v1::ListBackupsRequest;
using backups::v1::ListBackupsResponse;
using backups::v1::VerifyBackupRequest;

class BackupsService final : public backups::v1::Backups::Service {
 public:
  explicit BackupsService(Backups& backups) : backups_(backups) {}

  grpc::Status CreateBackup(grpc::ServerContext* context, const CreateBackupRequest* /*request*/,
                            Backup* response) override {
    return Guard(context, [&]() -> absl::Status {
      const auto made = backups_.Create([context] { return CheckAlive(context); });
      if (!made.ok()) {
        Log(Severity::kWarning, "backup failed",
            {{"reason", Reason(made.status())}, {"error", made.status()}});
        return made.status();
      }
      *response = ToMessage(made->backup);
      Log(Severity::kInfo, "backup made",
          {{"backup", response->name()},
           {"bytes", response->byte_count()},
           {"seconds", absl::ToDoubleSeconds(made->took)},
           {"writes_held_ms", absl::ToDoubleMilliseconds(made->held)}});
      return absl::OkStatus();
    });
  }

  grpc::Status ListBackups(grpc::ServerContext* context, const ListBackupsRequest* /*request*/,
                           ListBackupsResponse* response) override {
    return Guard(context, [&]() -> absl::Status {
      RECSAE_ASSIGN_OR_RETURN(const std::vector<BackupRecord> records, backups_.List());
      for (const BackupRecord& record : records) *response->add_backups() = ToMessage(record);
      return absl::OkStatus();
    });
  }

  grpc::Status VerifyBackup(grpc::ServerContext* context, const VerifyBackupRequest* request,
                            Backup* response) override {
    return Guard(context, [&]() -> absl::Status {
      std::string id;
      if (!request->name().empty()) {
        RECSAE_ASSIGN_OR_RETURN(const auto ids, ParseName(request->name(), "backups/{backup}"));
        id = ids[0];
      }
      RECSAE_ASSIGN_OR_RETURN(const BackupRecord verified,
                              backups_.Verify(id, [context] { return CheckAlive(context); }));
      *response = ToMessage(verified);
      return absl::OkStatus();
    });
  }

 private:
  Backups& backups_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeBackupsService(Backups& backups) {
  return std::make_unique<BackupsService>(backups);
}

}  // namespace recsae
