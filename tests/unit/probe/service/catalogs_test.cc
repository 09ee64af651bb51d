#include "services/probe/resources/resources.h"
#include "tests/unit/probe/service/fixture.h"

namespace recsae::probe {
namespace {

class CatalogsTest : public ProbeServerTest {
 protected:
  absl::StatusOr<v1::Catalog> Create(const std::string& id, const std::string& request_id = "",
                                     const std::string& display_name = "") {
    v1::CreateCatalogRequest request;
    request.set_catalog_id(id);
    request.set_display_name(display_name);
    request.set_request_id(request_id);
    v1::Catalog catalog;
    RECSAE_RETURN_IF_ERROR(Run(&Stub::CreateCatalog, request, &catalog));
    return catalog;
  }

  absl::StatusOr<v1::UploadItemsResponse> Upload(const std::vector<v1::Item>& items) {
    std::vector<v1::UploadItemsRequest> messages(2);
    messages[0].mutable_header()->set_catalog("catalogs/c");
    for (const v1::Item& item : items) *messages[1].mutable_batch()->add_items() = item;
    v1::UploadItemsResponse response;
    RECSAE_RETURN_IF_ERROR(Send(&Stub::UploadItems, messages, &response));
    return response;
  }

  static v1::Item MakeItem(const std::string& id, const std::string& title,
                           const std::string& genre) {
    v1::Item item;
    item.set_id(id);
    item.set_title(title);
    v1::Attribute* attribute = item.add_attributes();
    attribute->set_key("genre");
    attribute->set_value(genre);
    return item;
  }

  std::vector<std::string> ReadIds() {
    v1::ReadItemsRequest request;
    request.set_catalog("catalogs/c");
    std::vector<std::string> ids;
    const auto messages = *Receive<v1::ReadItemsResponse>(&Stub::ReadItems, request);
    for (const v1::ReadItemsResponse& message : messages) {
      for (const v1::Item& item : message.items()) ids.push_back(item.id());
    }
    return ids;
  }
};

TEST_F(CatalogsTest, TextsThatWouldBreakListsAreRefused) {
  ASSERT_TRUE(Create("c", "", std::string(256, 'x')).ok());
  const absl::Status long_name = Create("d", "", std::string(257, 'x')).status();
  EXPECT_EQ(long_name.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      Violations(long_name),
      (std::vector<FieldViolation>{{"display_name", "must have at most 256 bytes, has 257"}}));
  EXPECT_EQ(Reason(Upload({MakeItem("i", std::string(1 << 16, 'x'), "g")}).status()),
            "ITEM_TOO_LARGE");
  EXPECT_TRUE(Upload({MakeItem("i", std::string(60'000, 'x'), "g")}).ok());
}

// What was stored before there was a limit: two names that do not fit one message together.
TEST_F(CatalogsTest, ListsGetOnWhateverIsStored) {
  Stop();
  {
    const std::unique_ptr<Resources> resources = *Resources::Open(folder_ + "/probe");
    WriteBatch batch = resources->store().db().NewBatch();
    const absl::MutexLock lock(&resources->store().mutex());
    for (const char* id : {"a", "b", "c"}) {
      StoredCatalog catalog;
      catalog.message.set_name(absl::StrCat("catalogs/", id));
      catalog.message.set_display_name(std::string(id[0] == 'c' ? 1 : 5 << 19, 'x'));
      ASSERT_TRUE(resources->catalogs().Create(catalog, batch).ok());
    }
    ASSERT_TRUE(resources->store().db().Write(std::move(batch)).ok());
  }
  Start();
  std::vector<int> pages;
  v1::ListCatalogsRequest request;
  do {
    v1::ListCatalogsResponse response;
    const absl::Status status = Run(&Stub::ListCatalogs, request, &response);
    ASSERT_TRUE(status.ok()) << status;
    pages.push_back(response.catalogs_size());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, (std::vector<int>{1, 1, 1}));
}

TEST_F(CatalogsTest, CreateIsRefusedTwiceAndReplayedById) {
  const v1::Catalog first = *Create("c", "request-1", "Movies");
  EXPECT_EQ(first.name(), "catalogs/c");
  EXPECT_EQ(first.display_name(), "Movies");
  EXPECT_EQ(Create("c", "request-1", "Movies")->SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(Reason(Create("c").status()), "CATALOG_EXISTS");
  EXPECT_EQ(Reason(Create("c", "request-1", "Books").status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(Create("Not An Id").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CatalogsTest, AReplacedItemKeepsItsPlace) {
  ASSERT_TRUE(Create("c").ok());
  const v1::UploadItemsResponse first =
      *Upload({MakeItem("a", "A", "x"), MakeItem("b", "B", "x"), MakeItem("a", "A again", "x")});
  EXPECT_EQ(first.added_item_count(), 2);
  EXPECT_EQ(first.replaced_item_count(), 1);
  const v1::UploadItemsResponse second =
      *Upload({MakeItem("c", "C", "x"), MakeItem("a", "A!", "x")});
  EXPECT_EQ(second.added_item_count(), 1);
  EXPECT_EQ(second.replaced_item_count(), 1);
  EXPECT_EQ(second.catalog().item_count(), 3);
  EXPECT_EQ(ReadIds(), (std::vector<std::string>{"a", "b", "c"}));

  Stop();
  Start();
  EXPECT_EQ(ReadIds(), (std::vector<std::string>{"a", "b", "c"}));
  v1::ListItemsRequest list;
  list.set_parent("catalogs/c");
  v1::ListItemsResponse items;
  ASSERT_TRUE(Run(&Stub::ListItems, list, &items).ok());
  EXPECT_EQ(items.items(0).title(), "A!");
}

TEST_F(CatalogsTest, RefusesBadItemsAndUnknownCatalogs) {
  EXPECT_EQ(Reason(Upload({MakeItem("a", "A", "x")}).status()), "CATALOG_NOT_FOUND");
  ASSERT_TRUE(Create("c").ok());
  EXPECT_EQ(Reason(Upload({MakeItem("a", "A", "x"), MakeItem("", "B", "x")}).status()),
            "ITEM_ID_INVALID");
  EXPECT_EQ(Reason(Upload({MakeItem(std::string(257, 'a'), "A", "x")}).status()),
            "ITEM_ID_INVALID");
  EXPECT_TRUE(ReadIds().empty());
  EXPECT_TRUE(Upload({MakeItem(std::string(256, 'a'), "A", "x")}).ok());
}

TEST_F(CatalogsTest, ItemsCanBePagedAndSearchedByWords) {
  ASSERT_TRUE(Create("c").ok());
  std::vector<v1::Item> items;
  for (int i = 0; i < 25; ++i) {
    items.push_back(MakeItem(absl::StrCat(i), absl::StrCat("The Shining ", i),
                             i % 5 == 0 ? "Horror" : "Party"));
  }
  ASSERT_TRUE(Upload(items).ok());
  v1::ListItemsRequest request;
  request.set_parent("catalogs/c");
  request.set_page_size(2);
  request.set_query("SHINING horror");
  std::vector<std::string> ids;
  v1::ListItemsResponse page;
  do {
    ASSERT_TRUE(Run(&Stub::ListItems, request, &page).ok());
    EXPECT_LE(page.items_size(), 2);
    for (const v1::Item& item : page.items()) ids.push_back(item.id());
    request.set_page_token(page.next_page_token());
  } while (!page.next_page_token().empty());
  EXPECT_EQ(ids, (std::vector<std::string>{"0", "5", "10", "15", "20"}));

  // Whole words: "art" is not in "Party".
  request.clear_page_token();
  request.set_query("art");
  ASSERT_TRUE(Run(&Stub::ListItems, request, &page).ok());
  EXPECT_EQ(page.items_size(), 0);
}

// A label says "childrens" and "oneill"; the same words find the items, and so do the parts.
TEST_F(CatalogsTest, ItemsAreFoundByTheWordsThatLabelsSay) {
  ASSERT_TRUE(Create("c").ok());
  ASSERT_TRUE(Upload({MakeItem("0", "Children's O'Neill", "Horror")}).ok());
  v1::ListItemsRequest request;
  request.set_parent("catalogs/c");
  for (const char* found :
       {"childrens", "children's", "children", "CHILDREN'S", "oneill", "o'neill", "neill o"}) {
    request.set_query(found);
    v1::ListItemsResponse page;
    ASSERT_TRUE(Run(&Stub::ListItems, request, &page).ok());
    EXPECT_EQ(page.items_size(), 1) << found;
  }
}

TEST_F(CatalogsTest, PageSizesAndTokensAreChecked) {
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(Create(id).ok());
  v1::ListCatalogsRequest request;
  request.set_page_size(2);
  v1::ListCatalogsResponse page;
  ASSERT_TRUE(Run(&Stub::ListCatalogs, request, &page).ok());
  ASSERT_EQ(page.catalogs_size(), 2);
  request.set_page_token(page.next_page_token());
  ASSERT_TRUE(Run(&Stub::ListCatalogs, request, &page).ok());
  ASSERT_EQ(page.catalogs_size(), 1);
  EXPECT_EQ(page.catalogs(0).name(), "catalogs/c");
  EXPECT_TRUE(page.next_page_token().empty());

  v1::ListItemsRequest items;
  items.set_parent("catalogs/c");
  items.set_page_token(request.page_token());  // made for another list
  v1::ListItemsResponse none;
  EXPECT_EQ(Reason(Run(&Stub::ListItems, items, &none)), "PAGE_TOKEN_INVALID");
  request.set_page_size(-1);
  EXPECT_EQ(Run(&Stub::ListCatalogs, request, &page).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CatalogsTest, ACatalogInUseCannotBeDeleted) {
  MakeCatalog(3);
  MakeRecommender(2);
  v1::DeleteCatalogRequest request;
  request.set_name("catalogs/c");
  request.set_request_id("delete");
  google::protobuf::Empty empty;
  EXPECT_EQ(Reason(Run(&Stub::DeleteCatalog, request, &empty)), "CATALOG_IN_USE");
  v1::DeleteRecommenderRequest remove;
  remove.set_name("recommenders/r");
  ASSERT_TRUE(Run(&Stub::DeleteRecommender, remove, &empty).ok());
  ASSERT_TRUE(Run(&Stub::DeleteCatalog, request, &empty).ok());
  EXPECT_TRUE(Run(&Stub::DeleteCatalog, request, &empty).ok());  // replayed
  request.clear_request_id();
  EXPECT_EQ(Reason(Run(&Stub::DeleteCatalog, request, &empty)), "CATALOG_NOT_FOUND");
  MakeCatalog(1);
  EXPECT_EQ(ReadIds(), std::vector<std::string>{"i0"});
}

TEST_F(CatalogsTest, ALargeCatalogIsStreamedInMessagesBelowTheLimit) {
  ASSERT_TRUE(Create("c").ok());
  const std::string title(10'000, 't');
  for (int part = 0; part < 4; ++part) {
    std::vector<v1::Item> items;
    for (int i = 0; i < 250; ++i) items.push_back(MakeItem(absl::StrCat(part, "-", i), title, "x"));
    ASSERT_TRUE(Upload(items).ok());
  }
  EXPECT_EQ(ReadIds().size(), 1000U);
  v1::ListItemsRequest request;
  request.set_parent("catalogs/c");
  request.set_page_size(1000);  // does not fit a message: the page is shorter
  v1::ListItemsResponse page;
  ASSERT_TRUE(Run(&Stub::ListItems, request, &page).ok());
  EXPECT_LT(page.items_size(), 1000);
  EXPECT_FALSE(page.next_page_token().empty());
}

}  // namespace
}  // namespace recsae::probe
