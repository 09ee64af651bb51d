// ProbeService: catalogues and their items.

#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/id.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/budget/limits.h"
#include "common/budget/memory_budget.h"
#include "common/budget/paging.h"
#include "common/messages/time.h"
#include "common/rpc/guard.h"
#include "common/rpc/request_stream.h"
#include "services/probe/feed/resource_watch.h"
#include "services/probe/rpc/probe_service.h"

namespace recsae::probe {
namespace {

// Items looked at between two questions whether the caller still waits.
constexpr int64_t kItemsPerCheck = 1000;

}  // namespace

grpc::Status ProbeService::CreateCatalog(Context* context, const v1::CreateCatalogRequest* request,
                                         v1::Catalog* response) {
  return Guard(context, [&]() -> absl::Status {
    BadRequest bad;
    bad.Add("catalog_id", ValidateId(request->catalog_id(), "catalog_id"));
    bad.Add("display_name", CheckTextSize(request->display_name(), kMaxDisplayNameBytes));
    RECSAE_RETURN_IF_ERROR(bad.ToStatus());
    return resources_.store().Mutate(
        "CreateCatalog", request->request_id(), *request, response, [&](WriteBatch& batch) {
          response->set_name(absl::StrCat("catalogs/", request->catalog_id()));
          response->set_display_name(request->display_name());
          response->set_uid(NewId());
          *response->mutable_create_time() = TimestampNow();
          StoredCatalog catalog;
          catalog.message = *response;
          return resources_.catalogs().Create(std::move(catalog), batch);
        });
  });
}

grpc::Status ProbeService::UploadItems(Context* context,
                                       grpc::ServerReader<v1::UploadItemsRequest>* reader,
                                       v1::UploadItemsResponse* response) {
  return GuardStream(context, [&]() -> absl::Status {
    v1::UploadItemsRequest message;
    RECSAE_RETURN_IF_ERROR(ReadHeader(*reader, &message));
    const std::string name = message.header().catalog();
    RECSAE_ASSIGN_OR_RETURN(
        Permit permit,
        memory_.Take(0, absl::StrCat("uploading items to ", name), "the items of one message"));
    bool stored = false;
    // Watches hear of what was stored once the upload has ended, however it did.
    const absl::Cleanup changed = [&] {
      if (!stored) return;
      resources_.store().changes().Add({name});
      watches_.Flush();
    };
    const auto store = [&]() -> absl::Status {
      RECSAE_RETURN_IF_ERROR(permit.Resize(BytesToStore(message)));
      RECSAE_ASSIGN_OR_RETURN(const CatalogStore::Uploaded uploaded,
                              resources_.catalogs().Upload(name, message.batch().items()));
      stored = true;
      response->set_added_item_count(response->added_item_count() + uploaded.added);
      response->set_replaced_item_count(response->replaced_item_count() + uploaded.replaced);
      return absl::OkStatus();
    };
    RECSAE_RETURN_IF_ERROR(ReadParts(context, *reader, &message, store));
    RECSAE_ASSIGN_OR_RETURN(StoredCatalog catalog, resources_.catalogs().Get(name));
    *response->mutable_catalog() = std::move(catalog.message);
    return absl::OkStatus();
  });
}

grpc::Status ProbeService::GetCatalog(Context* context, const v1::GetCatalogRequest* request,
                                      v1::Catalog* response) {
  return Guard(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(StoredCatalog catalog, resources_.catalogs().Get(request->name()));
    *response = std::move(catalog.message);
    return absl::OkStatus();
  });
}

grpc::Status ProbeService::ListCatalogs(Context* context, const v1::ListCatalogsRequest* request,
                                        v1::ListCatalogsResponse* response) {
  return Guard(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const Page page,
                            ReadPage(request->page_size(), request->page_token(), "catalogs"));
    std::string next;
    RECSAE_ASSIGN_OR_RETURN(std::vector<StoredCatalog> catalogs,
                            resources_.catalogs().List(page, &next));
    for (StoredCatalog& catalog : catalogs) *response->add_catalogs() = std::move(catalog.message);
    if (!next.empty()) response->set_next_page_token(MakePageToken(next, "catalogs"));
    return absl::OkStatus();
  });
}

grpc::Status ProbeService::DeleteCatalog(Context* context, const v1::DeleteCatalogRequest* request,
                                         google::protobuf::Empty* response) {
  return Guard(context, [&]() -> absl::Status {
    return resources_.store().Mutate(
        "DeleteCatalog", request->request_id(), *request, response,
        [&](WriteBatch& batch) { return resources_.DeleteCatalog(request->name(), batch); });
  });
}

grpc::ServerWriteReactor<v1::ResourceChange>* ProbeService::WatchResources(
    grpc::CallbackServerContext* context, const v1::WatchResourcesRequest* request) {
  return watches_.Watch(context, ResourceWatch::Begin(resources_, *request));
}

grpc::Status ProbeService::ListItems(Context* context, const v1::ListItemsRequest* request,
                                     v1::ListItemsResponse* response) {
  return Guard(context, [&]() -> absl::Status {
    const std::string filter = absl::StrCat(request->parent(), "\n", request->query());
    RECSAE_ASSIGN_OR_RETURN(const Page page,
                            ReadPage(request->page_size(), request->page_token(), filter));
    int64_t from = 0;
    if (!page.position.empty()) {
      RECSAE_ASSIGN_OR_RETURN(from, ParseNumericId(page.position, "page_token"));
    }
    RECSAE_ASSIGN_OR_RETURN(const StoredCatalog catalog,
                            resources_.catalogs().Get(request->parent()));
    const ItemQuery query(request->query());
    absl::Status alive;
    PageBytes room(page.size);
    RECSAE_RETURN_IF_ERROR(
        resources_.catalogs().ReadItems(catalog, from, [&](int64_t position, v1::Item& item) {
          if (position % kItemsPerCheck == 0) alive = CheckAlive(context);
          if (!alive.ok()) return false;
          if (!query.Matches(item)) return true;
          if (!room.Takes(item.ByteSizeLong())) {
            response->set_next_page_token(MakePageToken(absl::StrCat(position), filter));
            return false;
          }
          response->add_items()->Swap(&item);
          return true;
        }));
    return alive;
  });
}

grpc::Status ProbeService::ReadItems(Context* context, const v1::ReadItemsRequest* request,
                                     grpc::ServerWriter<v1::ReadItemsResponse>* writer) {
  return GuardStream(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const StoredCatalog catalog,
                            resources_.catalogs().Get(request->catalog()));
    // A scan for each message: none is held open while a slow caller takes one.
    for (int64_t next = 0; next < catalog.message.item_count();) {
      RECSAE_RETURN_IF_ERROR(CheckAlive(context));
      v1::ReadItemsResponse message;
      int64_t bytes = 0;
      RECSAE_RETURN_IF_ERROR(
          resources_.catalogs().ReadItems(catalog, next, [&](int64_t position, v1::Item& item) {
            const auto size = static_cast<int64_t>(item.ByteSizeLong());
            if (message.items_size() > 0 && bytes + size > kStreamMessageBytes) return false;
            bytes += size;
            message.add_items()->Swap(&item);
            next = position + 1;
            return true;
          }));
      // Deleted meanwhile: NOT_FOUND.
      if (message.items_size() == 0) return resources_.catalogs().NotFound(request->catalog());
      if (!writer->Write(message)) return CheckAlive(context);
    }
    return absl::OkStatus();
  });
}

}  // namespace recsae::probe
