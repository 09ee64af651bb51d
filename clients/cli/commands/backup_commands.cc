// recsae backup: copies of what the servers store.

#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/render/render.h"
#include "clients/cli/text/json.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "common/storage/backup_folder.h"
#include "common/storage/backup_message.h"
#include "recsae/backups/v1/backups.grpc.pb.h"

namespace recsae::cli {
namespace {

using backups::v1::Backup;
using BackupsService = backups::v1::Backups;

constexpr char kBackupPattern[] = "backups/{backup}";
// A large store is copied, or read, at a limited rate.
constexpr double kLongTimeout = 24 * 3600;

struct NoFlags {};

struct FolderFlags {
  std::string from;
  std::string backup;
  std::string to;
};

// A backup and who has it: a server's address, or a folder.
struct Held {
  std::string where;
  Backup backup;
};

// One for each process.
std::vector<std::unique_ptr<PeerStub<BackupsService>>> Servers(Session& session) {
  std::vector<std::unique_ptr<PeerStub<BackupsService>>> servers;
  std::set<std::string> addresses;
  for (const std::shared_ptr<Peer>& peer : session.peers()) {
    if (!addresses.insert(peer->address()).second) continue;
    servers.push_back(std::make_unique<PeerStub<BackupsService>>(peer));
  }
  return servers;
}

absl::Status Show(Session& session, const std::vector<Held>& all) {
  if (session.json()) {
    nlohmann::ordered_json document = {{"backups", nlohmann::ordered_json::array()}};
    for (const Held& held : all) {
      RECSAE_ASSIGN_OR_RETURN(nlohmann::ordered_json json, AsJson(held.backup));
      json["where"] = held.where;
      document["backups"].push_back(std::move(json));
    }
    session.console().Print(document.dump(1) + "\n");
    return absl::OkStatus();
  }
  Table table({{"BACKUP"}, {"MADE"}, {"SIZE", true}, {"STORES"}, {"WHERE", false, true}});
  for (const Held& held : all) {
    std::string stores;
    for (const auto& store : held.backup.stores()) {
      absl::StrAppend(&stores, stores.empty() ? "" : ", ", store.store());
    }
    table.Add({ShortName(held.backup.name()), FormatTime(held.backup.create_time()),
               FormatBytes(held.backup.byte_count()), stores, held.where});
  }
  session.console().Print(table);
  return absl::OkStatus();
}

// What each server answers; all are asked, and the first error counts.
absl::Status AskAll(
    Session& session,
    absl::FunctionRef<absl::Status(PeerStub<BackupsService>&, std::vector<Held>*)> ask) {
  std::vector<Held> all;
  absl::Status first;
  for (const auto& server : Servers(session)) {
    const absl::Status status = ask(*server, &all);
    if (!status.ok()) first.Update(Annotate(status, server->peer().address()));
  }
  if (!all.empty() || first.ok()) RECSAE_RETURN_IF_ERROR(Show(session, all));
  return first;
}

absl::Status Create(Session& session, const NoFlags& /*flags*/) {
  return AskAll(
      session, [&](PeerStub<BackupsService>& server, std::vector<Held>* all) -> absl::Status {
        RECSAE_ASSIGN_OR_RETURN(Backup backup,
                                session.Call(server, &BackupsService::Stub::CreateBackup,
                                             backups::v1::CreateBackupRequest(), kLongTimeout));
        all->push_back({server.peer().address(), std::move(backup)});
        return absl::OkStatus();
      });
}

absl::StatusOr<std::string> BackupId(const std::string& typed) {
  if (typed.empty()) return typed;
  const absl::StatusOr<std::string> name = FullName(typed, kBackupPattern);
  if (!name.ok()) return name.status();
  return LastId(*name);
}

absl::Status List(Session& session, const FolderFlags& flags) {
  if (!flags.from.empty()) {
    RECSAE_ASSIGN_OR_RETURN(const std::vector<BackupRecord> records, ListBackups(flags.from));
    std::vector<Held> all;
    all.reserve(records.size());
    for (const BackupRecord& record : records) all.push_back({flags.from, ToMessage(record)});
    return Show(session, all);
  }
  return AskAll(session,
                [&](PeerStub<BackupsService>& server, std::vector<Held>* all) -> absl::Status {
                  RECSAE_ASSIGN_OR_RETURN(const auto list,
                                          session.Call(server, &BackupsService::Stub::ListBackups,
                                                       backups::v1::ListBackupsRequest()));
                  for (const Backup& backup : list.backups())
                    all->push_back({server.peer().address(), backup});
                  return absl::OkStatus();
                });
}

absl::Status Verify(Session& session, const FolderFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const std::string id, BackupId(flags.backup));
  if (!flags.from.empty()) {
    RECSAE_ASSIGN_OR_RETURN(const BackupRecord record, FindBackup(flags.from, id));
    RECSAE_RETURN_IF_ERROR(VerifyBackup(flags.from, record, nullptr));
    return Show(session, {{flags.from, ToMessage(record)}});
  }
  return AskAll(
      session, [&](PeerStub<BackupsService>& server, std::vector<Held>* all) -> absl::Status {
        backups::v1::VerifyBackupRequest request;
        if (!id.empty()) request.set_name(absl::StrCat("backups/", id));
        RECSAE_ASSIGN_OR_RETURN(
            Backup backup,
            session.Call(server, &BackupsService::Stub::VerifyBackup, request, kLongTimeout));
        all->push_back({server.peer().address(), std::move(backup)});
        return absl::OkStatus();
      });
}

absl::Status Restore(Session& session, const FolderFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const std::string id, BackupId(flags.backup));
  RECSAE_ASSIGN_OR_RETURN(const BackupRecord record, FindBackup(flags.from, id));
  RECSAE_RETURN_IF_ERROR(RestoreBackup(flags.from, record, flags.to));
  session.console().Say(absl::StrCat("restored to ", flags.to, ": start ", record.program,
                                     " with --data-dir ", flags.to));
  return Show(session, {{flags.to, ToMessage(record)}});
}

Flag AddFrom(Command& command, FolderFlags& flags, const char* what) {
  return command.Add("--from", flags.from, what).Type("FOLDER").Must(Check::ExistingDirectory());
}

}  // namespace

void AddBackupCommands(CommandLine& line) {
  Command group = line.AddGroup("backup", "Copies of what the servers store",
                                "  recsae backup create\n"
                                "  recsae backup restore --from /backups --to /data/restored");
  line.Add<NoFlags>(
      group, "create", "Copy the stores of each server, as they are at one moment",
      "  recsae backup create   # servers with --backup-dir", [](Command&, NoFlags&) {}, Create);
  line.Add<FolderFlags>(
      group, "list", "List backups, newest first",
      "  recsae backup list\n"
      "  recsae backup list --from /backups",
      [](Command& command, FolderFlags& flags) {
        AddFrom(command, flags, "Those in this folder, without asking a server");
      },
      List);
  line.Add<FolderFlags>(
      group, "verify", "Read every file of a backup and compare it with its checksum",
      "  recsae backup verify\n"
      "  recsae backup verify --from /backups BACKUP",
      [](Command& command, FolderFlags& flags) {
        command.Add("BACKUP", flags.backup, "Which one [default: the newest]");
        AddFrom(command, flags, "In this folder, without asking a server");
      },
      Verify);
  line.Add<FolderFlags>(
      group, "restore", "Make a data directory of a backup; needs no server",
      "  recsae backup restore --from /backups --to /data/restored",
      [](Command& command, FolderFlags& flags) {
        AddFrom(command, flags, "The server's --backup-dir, or a copy of it").Required();
        command.Add("--backup", flags.backup, "Which one [default: the newest]").Type("BACKUP");
        command.Add("--to", flags.to, "The data directory: a folder that is empty or not there yet")
            .Type("FOLDER")
            .Must(Check::Path())
            .Required();
      },
      Restore);
}

}  // namespace recsae::cli
