// recsae catalogs: what recommenders recommend.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/flags/job_flags.h"
#include "clients/cli/formats/json_lines.h"
#include "clients/cli/render/render.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "common/client/retry.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

using probe::v1::Probe;

// Items are sent in messages of about this size.
constexpr size_t kUploadBytes = 1 << 20;
constexpr double kUploadTimeout = 600;

struct CatalogFlags {
  std::string catalog;
  std::string display_name;
  std::string request_id;
  std::string file;
  std::string query;
  int limit = 50;
};

void AddName(Command& command, CatalogFlags& flags) {
  command.Add("CATALOG", flags.catalog, "Name, for example ml-1m or catalogs/ml-1m").Required();
}

absl::Status Show(Session& session, const probe::v1::Catalog& catalog) {
  if (session.json()) return session.PrintJson(catalog);
  session.console().Print(CatalogDetails(catalog));
  return absl::OkStatus();
}

absl::Status List(Session& session, const CatalogFlags&) {
  RECSAE_ASSIGN_OR_RETURN(
      const auto all,
      session.List(session.probe(), &Probe::Stub::ListCatalogs, probe::v1::ListCatalogsRequest(),
                   &probe::v1::ListCatalogsResponse::catalogs_size, 0));
  if (session.json()) return session.PrintJson(all);
  Table table({{"CATALOG"}, {"ITEMS", true}, {"CREATED"}, {"TITLE", false, true}});
  for (const auto& catalog : all.catalogs()) {
    table.Add({ShortName(catalog.name()), FormatCount(catalog.item_count()),
               FormatTime(catalog.create_time()), catalog.display_name()});
  }
  session.console().Print(table);
  return absl::OkStatus();
}

absl::Status Get(Session& session, const CatalogFlags& flags) {
  probe::v1::GetCatalogRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), FullName(flags.catalog, kCatalogPattern));
  RECSAE_ASSIGN_OR_RETURN(const auto catalog,
                          session.Call(session.probe(), &Probe::Stub::GetCatalog, request));
  return Show(session, catalog);
}

absl::Status Create(Session& session, const CatalogFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const std::string name, FullName(flags.catalog, kCatalogPattern));
  probe::v1::CreateCatalogRequest request;
  request.set_catalog_id(LastId(name));
  request.set_display_name(flags.display_name);
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  RECSAE_ASSIGN_OR_RETURN(const auto catalog,
                          session.Call(session.probe(), &Probe::Stub::CreateCatalog, request));
  return Show(session, catalog);
}

absl::Status Delete(Session& session, const CatalogFlags& flags) {
  probe::v1::DeleteCatalogRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), FullName(flags.catalog, kCatalogPattern));
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  RECSAE_ASSIGN_OR_RETURN(const auto empty,
                          session.Call(session.probe(), &Probe::Stub::DeleteCatalog, request));
  if (session.json()) return session.PrintJson(empty);
  session.console().Say("deleted " + request.name());
  return absl::OkStatus();
}

absl::Status Items(Session& session, const CatalogFlags& flags) {
  probe::v1::ListItemsRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_parent(), FullName(flags.catalog, kCatalogPattern));
  request.set_query(flags.query);
  RECSAE_ASSIGN_OR_RETURN(const auto all,
                          session.List(session.probe(), &Probe::Stub::ListItems, request,
                                       &probe::v1::ListItemsResponse::items_size, flags.limit));
  if (session.json()) return session.PrintJson(all);
  Table table({{"ID"}, {"TITLE", false, true}, {"ATTRIBUTES", false, true}});
  for (const auto& item : all.items()) {
    std::vector<std::string> attributes;
    for (const auto& attribute : item.attributes()) {
      attributes.push_back(absl::StrCat(attribute.key(), " ", attribute.value()));
    }
    table.Add({item.id(), item.title(), absl::StrJoin(attributes, ", ")});
  }
  session.console().Print(table);
  if (!all.next_page_token().empty()) session.console().Say("there are more; see --limit");
  return absl::OkStatus();
}

absl::Status Upload(Session& session, const CatalogFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const std::string name, FullName(flags.catalog, kCatalogPattern));
  grpc::ClientContext context;
  const double timeout = session.Timeout(kUploadTimeout);
  SetDeadline(context, absl::Seconds(timeout));
  probe::v1::UploadItemsResponse response;
  const auto writer = session.probe()->UploadItems(&context, &response);
  probe::v1::UploadItemsRequest request;
  request.mutable_header()->set_catalog(name);
  // The reason why a message could not be sent is in the status of the call.
  const auto send = [&] {
    const bool sent = writer->Write(request);
    request.mutable_batch()->Clear();
    return sent ? absl::OkStatus() : Error(absl::StatusCode::kCancelled, "STREAM_CLOSED", "");
  };
  absl::Status read = send();
  size_t bytes = 0;
  probe::v1::Item item;
  if (read.ok()) {
    read = ReadJsonLines(flags.file, item, [&] {
      bytes += item.ByteSizeLong();
      *request.mutable_batch()->add_items() = item;
      if (bytes < kUploadBytes) return absl::OkStatus();
      bytes = 0;
      return send();
    });
  }
  if (!read.ok() && !absl::IsCancelled(read)) {
    context.TryCancel();
    (void)writer->Finish();
    return read;
  }
  if (read.ok()) writer->Write(request);
  writer->WritesDone();
  RECSAE_RETURN_IF_ERROR(
      ExplainTimeout(session.probe().peer().FromGrpc(writer->Finish()), timeout));
  if (session.json()) return session.PrintJson(response);
  session.console().Print(absl::StrCat(FormatCount(response.added_item_count()), " added, ",
                                       FormatCount(response.replaced_item_count()), " replaced\n"));
  return absl::OkStatus();
}

void AddOneCatalog(CommandLine& line, Command& group) {
  line.Add<CatalogFlags>(group, "get", "Show a catalogue", "  recsae catalogs get ml-1m", AddName,
                         Get);
  line.Add<CatalogFlags>(
      group, "create", "Make an empty catalogue, for a recommender that lives elsewhere",
      "  recsae catalogs create shop --title 'Our shop'",
      [](Command& command, CatalogFlags& flags) {
        AddName(command, flags);
        command.Add("--title", flags.display_name, "For people");
        AddRequestId(command, flags.request_id);
      },
      Create);
  line.Add<CatalogFlags>(
      group, "delete", "Remove a catalogue that no recommender uses",
      "  recsae catalogs delete shop",
      [](Command& command, CatalogFlags& flags) {
        AddName(command, flags);
        AddRequestId(command, flags.request_id);
      },
      Delete);
}

}  // namespace

void AddCatalogCommands(CommandLine& line) {
  Command group = line.AddGroup("catalogs", "What recommenders recommend",
                                "  recsae catalogs list\n"
                                "  recsae catalogs items ml-1m --query star");
  line.Add<CatalogFlags>(
      group, "list", "List the catalogues", "  recsae catalogs list",
      [](Command&, CatalogFlags&) {}, List);
  AddOneCatalog(line, group);
  line.Add<CatalogFlags>(
      group, "items", "List or search the items of a catalogue",
      "  recsae catalogs items ml-1m --query 'star wars'",
      [](Command& command, CatalogFlags& flags) {
        AddName(command, flags);
        command.Add("--query", flags.query, "Words that must all be in title or attributes");
        command.Add("--limit", flags.limit, "At most so many; 0 = all [default: 50]")
            .Must(Check::NonNegative());
      },
      Items);
  line.Add<CatalogFlags>(
      group, "upload", "Add or replace items from a file",
      "  recsae catalogs upload shop items.jsonl\n"
      "Each line: {\"id\": \"7\", \"title\": \"Lamp\", \"room\": \"bedroom\"}, as pandas writes it "
      "with "
      "to_json(FILE, orient=\"records\", lines=True).\n"
      "Fields besides id and title are attributes.",
      [](Command& command, CatalogFlags& flags) {
        AddName(command, flags);
        command.Add("FILE", flags.file, "Items, one JSON object a line")
            .Required()
            .Must(Check::ExistingFile());
      },
      Upload);
}

}  // namespace recsae::cli
