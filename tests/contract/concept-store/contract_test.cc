// The contract of the concept-store, call by call: on a running service in this process, and over
// TCP on a database that is closed and opened again before every single call.
#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "services/concept-store/store/validation.h"
#include "tests/contract/concept-store/store_contract.h"
#include "tests/contract/concept-store/store_server.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

using absl::StatusCode;
using google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConceptStoreContract : public StoreContract {
 protected:
  absl::StatusOr<v1::Concept> Create(const std::string& parent, const v1::Concept& latent_concept) {
    v1::CreateConceptRequest request;
    request.set_parent(parent);
    *request.mutable_latent_concept() = latent_concept;
    return Do(&Stub::CreateConcept, request);
  }

  absl::StatusOr<v1::Concept> Get(const std::string& name) {
    v1::GetConceptRequest request;
    request.set_name(name);
    return Do(&Stub::GetConcept, request);
  }

  absl::StatusOr<v1::Concept> Describe(const std::string& name, const std::string& description,
                                       const std::string& etag = "") {
    v1::UpdateConceptRequest request;
    request.mutable_latent_concept()->set_name(name);
    request.mutable_latent_concept()->set_description(description);
    request.mutable_latent_concept()->set_etag(etag);
    request.mutable_update_mask()->add_paths("description");
    return Do(&Stub::UpdateConcept, request);
  }

  absl::StatusOr<v1::BatchUpsertConceptsResponse> Upsert(const std::string& parent,
                                                         const std::vector<v1::Concept>& concepts) {
    v1::BatchUpsertConceptsRequest request;
    request.set_parent(parent);
    for (const v1::Concept& latent_concept : concepts) *request.add_concepts() = latent_concept;
    return Do(&Stub::BatchUpsertConcepts, request);
  }

  // Latents on each page.
  std::vector<std::vector<int32_t>> Pages(v1::ListConceptsRequest request, int32_t* total) {
    std::vector<std::vector<int32_t>> pages;
    do {
      const auto page = Do(&Stub::ListConcepts, request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return pages;
      pages.emplace_back();
      for (const auto& found : page->concepts()) pages.back().push_back(found.latent());
      *total = page->total_size();
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return pages;
  }

  std::vector<int32_t> Search(const std::string& query, int32_t max_results = 0) {
    v1::SearchConceptsRequest request;
    request.set_parent("saes/a");
    request.set_query(query);
    request.set_max_results(max_results);
    const auto found = Do(&Stub::SearchConcepts, request);
    EXPECT_TRUE(found.ok()) << found.status();
    std::vector<int32_t> latents;
    for (const auto& match : found->matches()) latents.push_back(match.latent_concept().latent());
    return latents;
  }

  absl::Status WatchError(const std::string& parent, int64_t since) {
    grpc::ClientContext context;
    v1::WatchConceptsRequest request;
    request.set_parent(parent);
    request.set_since_revision(since);
    const auto stream = Next().stub().WatchConcepts(&context, request);
    v1::ConceptChange change;
    EXPECT_FALSE(stream->Read(&change));
    return FromGrpc(stream->Finish());
  }
};

std::string ReadAllWeights(StoreServer& server, const std::string& name, int* pieces,
                           absl::Status* status) {
  grpc::ClientContext context;
  v1::ReadSaeWeightsRequest request;
  request.set_name(name);
  const auto stream = server.stub().ReadSaeWeights(&context, request);
  std::string bytes;
  int array = 0;
  int64_t next_row = 0;
  *pieces = 0;
  for (v1::SaeWeights piece; stream->Read(&piece); ++*pieces) {
    if (piece.array() != array) next_row = 0;
    EXPECT_GE(piece.array(), array);
    EXPECT_EQ(piece.start_row(), next_row);
    EXPECT_LT(piece.ByteSizeLong(), size_t{4} << 20);
    array = piece.array();
    next_row += piece.values().shape(0);
    bytes += piece.values().data();
  }
  *status = FromGrpc(stream->Finish());
  return bytes;
}

// ---------------------------------------------------------------- SAEs

TEST_P(ConceptStoreContract, PublishedSaeComesBackWhole) {
  const v1::Sae sample = SampleSae();
  std::vector<v1::SaeWeights> weights = SampleWeights(sample, 3);
  std::mt19937 random(3);
  std::shuffle(weights.begin(), weights.end(), random);
  const auto sae = Publish(Next(), SampleHeader("sasrec.v1"), weights);
  ASSERT_TRUE(sae.ok()) << sae.status();
  EXPECT_EQ(sae->name(), "saes/sasrec.v1");
  Sha256 hash;
  hash.Update(HashedBytes(sample));
  EXPECT_EQ(sae->weights_sha256(), hash.Hex());
  EXPECT_TRUE(sae->has_create_time());

  v1::GetSaeRequest get;
  get.set_name("saes/sasrec.v1");
  const auto read = Do(&Stub::GetSae, get);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*read, *sae));
  v1::Sae expected = sample;
  expected.set_name(sae->name());
  expected.set_weights_sha256(sae->weights_sha256());
  *expected.mutable_create_time() = sae->create_time();
  EXPECT_TRUE(MessageDifferencer::Equals(*read, expected));

  int pieces = 0;
  absl::Status status;
  EXPECT_EQ(ReadAllWeights(Next(), "saes/sasrec.v1", &pieces, &status), HashedBytes(sample));
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(ConceptStoreContract, AThresholdIsKeptWhereTheArchitectureHasOne) {
  for (const auto architecture : {v1::Sae::ARCHITECTURE_BATCH_TOPK, v1::Sae::ARCHITECTURE_JUMP_RELU,
                                  v1::Sae::ARCHITECTURE_RELU}) {
    const std::string id = absl::StrCat("a", static_cast<int>(architecture));
    v1::PublishSaeRequest::Header header = SampleHeader(id);
    header.mutable_sae()->set_architecture(architecture);
    const std::vector<v1::SaeWeights> weights = SampleWeights(header.sae(), 5);
    EXPECT_EQ(weights.back().array(), architecture == v1::Sae::ARCHITECTURE_RELU
                                          ? v1::SaeWeights::ARRAY_B_PRE
                                          : v1::SaeWeights::ARRAY_THRESHOLD);
    const auto sae = Publish(Next(), header, weights);
    ASSERT_TRUE(sae.ok()) << sae.status();
    EXPECT_EQ(sae->architecture(), architecture);
    Sha256 hash;
    hash.Update(HashedBytes(header.sae()));
    EXPECT_EQ(sae->weights_sha256(), hash.Hex());
    int pieces = 0;
    absl::Status status;
    EXPECT_EQ(ReadAllWeights(Next(), sae->name(), &pieces, &status), HashedBytes(header.sae()));
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST_P(ConceptStoreContract, AThresholdIsRefusedWhereItMustNotBe) {
  v1::PublishSaeRequest::Header header = SampleHeader("a");
  header.mutable_sae()->set_architecture(v1::Sae::ARCHITECTURE_JUMP_RELU);
  const std::vector<v1::SaeWeights> good = SampleWeights(header.sae(), 16);

  const absl::Status unknown = Publish(Next(), SampleHeader("a"), good).status();
  ExpectError(unknown, StatusCode::kInvalidArgument, "WEIGHTS_ARRAY_UNKNOWN");
  EXPECT_THAT(std::string(unknown.message()),
              HasSubstr("is 5; those of an SAE with ARCHITECTURE_TOPK are ARRAY_W_ENC"));
  const std::vector<v1::SaeWeights> none(good.begin(), good.end() - 1);
  const absl::Status incomplete = Publish(Next(), header, none).status();
  ExpectError(incomplete, StatusCode::kInvalidArgument, "WEIGHTS_INCOMPLETE");
  EXPECT_THAT(std::string(incomplete.message()), HasSubstr("THRESHOLD"));

  std::vector<v1::SaeWeights> bad = good;
  const auto publish_with = [&](float value) {
    bad.back().mutable_values()->mutable_data()->replace(12, 4,
                                                         reinterpret_cast<const char*>(&value), 4);
    return Publish(Next(), header, bad).status();
  };
  const absl::Status negative = publish_with(-0.5F);
  ExpectError(negative, StatusCode::kInvalidArgument, "TENSOR_NEGATIVE");
  EXPECT_THAT(std::string(negative.message()), HasSubstr("[3] is -0.5"));
  ExpectError(publish_with(std::numeric_limits<float>::infinity()), StatusCode::kInvalidArgument,
              "TENSOR_NOT_FINITE");
  EXPECT_TRUE(publish_with(0.0F).ok());
}

TEST_P(ConceptStoreContract, LargeWeightsComeInPiecesBelowTheMessageLimit) {
  v1::PublishSaeRequest::Header header = SampleHeader("large");
  header.mutable_sae()->set_activation_dim(300);
  header.mutable_sae()->set_latent_count(5000);
  // 3.6 MB a message in, about 1 MiB out.
  ASSERT_TRUE(Publish(Next(), header, SampleWeights(header.sae(), 3000)).ok());
  int pieces = 0;
  absl::Status status;
  EXPECT_TRUE(ReadAllWeights(Next(), "saes/large", &pieces, &status) == HashedBytes(header.sae()));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_GE(pieces, 12);
}

TEST_P(ConceptStoreContract, IncompleteWeightsPublishNothing) {
  const std::vector<v1::SaeWeights> weights = SampleWeights(SampleSae(), 4);
  for (size_t missing = 0; missing < weights.size(); ++missing) {
    std::vector<v1::SaeWeights> rest = weights;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(missing));
    const auto sae = Publish(Next(), SampleHeader("a"), rest);
    ExpectError(sae.status(), StatusCode::kInvalidArgument, "WEIGHTS_INCOMPLETE");
    EXPECT_THAT(std::string(sae.status().message()),
                HasSubstr(absl::StrCat("row ", weights[missing].start_row(), " of ",
                                       v1::SaeWeights::Array_Name(weights[missing].array()))));
  }
  v1::ListSaesRequest list;
  EXPECT_EQ(Do(&Stub::ListSaes, list)->saes_size(), 0);
  EXPECT_TRUE(PublishSample("a").ok());
}

TEST_P(ConceptStoreContract, BadWeightsAreRefused) {
  const std::vector<v1::SaeWeights> good = SampleWeights(SampleSae(), 16);
  const auto publish_with = [&](const v1::SaeWeights& first) {
    std::vector<v1::SaeWeights> weights = good;
    weights[0] = first;
    return Publish(Next(), SampleHeader("a"), weights).status();
  };
  v1::SaeWeights bad = good[0];
  bad.clear_array();
  ExpectError(publish_with(bad), StatusCode::kInvalidArgument, "WEIGHTS_ARRAY_UNKNOWN");
  bad = good[0];
  bad.set_start_row(1);
  ExpectError(publish_with(bad), StatusCode::kInvalidArgument, "WEIGHTS_OUT_OF_RANGE");
  bad.set_start_row(-1);
  ExpectError(publish_with(bad), StatusCode::kInvalidArgument, "WEIGHTS_OUT_OF_RANGE");
  bad.set_start_row(std::numeric_limits<int64_t>::max());
  ExpectError(publish_with(bad), StatusCode::kInvalidArgument, "WEIGHTS_OUT_OF_RANGE");
  ExpectError(publish_with(good[2]), StatusCode::kInvalidArgument, "WEIGHTS_OVERLAP");
  bad = good[0];
  bad.mutable_values()->set_shape(1, 5);
  ExpectError(publish_with(bad), StatusCode::kInvalidArgument, "TENSOR_SHAPE_MISMATCH");
  bad = good[0];
  bad.mutable_values()->mutable_data()->pop_back();
  ExpectError(publish_with(bad), StatusCode::kInvalidArgument, "TENSOR_SIZE_MISMATCH");
  bad = good[0];
  bad.mutable_values()->set_data_type(tensor::v1::DATA_TYPE_FLOAT64);
  ExpectError(publish_with(bad), StatusCode::kInvalidArgument, "TENSOR_TYPE_MISMATCH");
  bad = good[0];
  const float nan = std::numeric_limits<float>::quiet_NaN();
  bad.mutable_values()->mutable_data()->replace(8, 4, reinterpret_cast<const char*>(&nan), 4);
  ExpectError(publish_with(bad), StatusCode::kInvalidArgument, "TENSOR_NOT_FINITE");
  EXPECT_TRUE(publish_with(good[0]).ok());
}

TEST_P(ConceptStoreContract, BadHeadersNameEveryFault) {
  v1::PublishSaeRequest::Header header = SampleHeader("No Such Id");
  header.mutable_sae()->set_k(0);
  header.mutable_sae()->set_scale(-1);
  const absl::Status status = Publish(Next(), header, {}).status();
  ExpectError(status, StatusCode::kInvalidArgument, "INVALID_REQUEST");
  for (const char* field : {"sae_id", "sae.k", "sae.scale"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }

  grpc::ClientContext context;
  v1::Sae sae;
  const auto stream = Next().stub().PublishSae(&context, &sae);
  v1::PublishSaeRequest message;
  *message.mutable_weights() = SampleWeights(SampleSae(), 16)[0];
  stream->Write(message);
  stream->WritesDone();
  ExpectError(FromGrpc(stream->Finish()), StatusCode::kInvalidArgument, "STREAM_ORDER_INVALID");
}

TEST_P(ConceptStoreContract, ANameIsTakenOnce) {
  ASSERT_TRUE(PublishSample("a").ok());
  ExpectError(PublishSample("a").status(), StatusCode::kAlreadyExists, "SAE_EXISTS");
}

TEST_P(ConceptStoreContract, ARepeatedPublicationGetsTheFirstAnswer) {
  v1::PublishSaeRequest::Header header = SampleHeader("a");
  header.set_request_id("try-1");
  const auto first = Publish(Next(), header, SampleWeights(SampleSae(), 5));
  ASSERT_TRUE(first.ok()) << first.status();
  // The same content in other pieces.
  const auto again = Publish(Next(), header, SampleWeights(SampleSae(), 2));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*first, *again));
  ExpectError(Publish(Next(), header, SampleWeights(SampleSae(), 5, 2)).status(),
              StatusCode::kInvalidArgument, "REQUEST_ID_REUSED");
  header.set_request_id("try-2");
  ExpectError(Publish(Next(), header, SampleWeights(SampleSae(), 5)).status(),
              StatusCode::kAlreadyExists, "SAE_EXISTS");
  int pieces = 0;
  absl::Status status;
  EXPECT_EQ(ReadAllWeights(Next(), "saes/a", &pieces, &status), HashedBytes(SampleSae()));
}

TEST_P(ConceptStoreContract, SaesAreListedInPages) {
  for (const char* id : {"c", "a", "b", "a1", "a.1"}) ASSERT_TRUE(PublishSample(id).ok());
  v1::ListSaesRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  do {
    const auto page = Do(&Stub::ListSaes, request);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->saes_size(), 2);
    for (const v1::Sae& sae : page->saes()) names.push_back(sae.name());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("saes/a", "saes/a.1", "saes/a1", "saes/b", "saes/c"));
  request.set_page_size(-1);
  ExpectError(Do(&Stub::ListSaes, request).status(), StatusCode::kInvalidArgument,
              "PAGE_SIZE_INVALID");
  request.set_page_size(1);
  request.set_page_token("bogus");
  ExpectError(Do(&Stub::ListSaes, request).status(), StatusCode::kInvalidArgument,
              "PAGE_TOKEN_INVALID");
}

TEST_P(ConceptStoreContract, UnknownSaesAreNotFound) {
  v1::GetSaeRequest get;
  get.set_name("saes/none");
  ExpectError(Do(&Stub::GetSae, get).status(), StatusCode::kNotFound, "SAE_NOT_FOUND");
  get.set_name("sae/none");
  ExpectError(Do(&Stub::GetSae, get).status(), StatusCode::kInvalidArgument,
              "RESOURCE_NAME_INVALID");
  ExpectError(DeleteSae("saes/none"), StatusCode::kNotFound, "SAE_NOT_FOUND");
  int pieces = 0;
  absl::Status status;
  ReadAllWeights(Next(), "saes/none", &pieces, &status);
  ExpectError(status, StatusCode::kNotFound, "SAE_NOT_FOUND");
  ExpectError(Create("saes/none", SampleConcept(1, "x")).status(), StatusCode::kNotFound,
              "SAE_NOT_FOUND");
  ExpectError(Get("saes/none/concepts/1").status(), StatusCode::kNotFound, "SAE_NOT_FOUND");
  v1::ListConceptsRequest list;
  list.set_parent("saes/none");
  ExpectError(Do(&Stub::ListConcepts, list).status(), StatusCode::kNotFound, "SAE_NOT_FOUND");
  v1::SearchConceptsRequest search;
  search.set_parent("saes/none");
  search.set_query("x");
  ExpectError(Do(&Stub::SearchConcepts, search).status(), StatusCode::kNotFound, "SAE_NOT_FOUND");
  v1::ListConceptRevisionsRequest revisions;
  revisions.set_name("saes/none/concepts/1");
  ExpectError(Do(&Stub::ListConceptRevisions, revisions).status(), StatusCode::kNotFound,
              "SAE_NOT_FOUND");
  ExpectError(WatchError("saes/none", 0), StatusCode::kNotFound, "SAE_NOT_FOUND");
}

TEST_P(ConceptStoreContract, ADeletedSaeTakesItsConceptsAlong) {
  ASSERT_TRUE(PublishSample("a").ok());
  ASSERT_TRUE(PublishSample("b").ok());
  ASSERT_TRUE(Upsert("saes/a", {SampleConcept(1, "one"), SampleConcept(2, "two")}).ok());
  ASSERT_TRUE(Create("saes/b", SampleConcept(1, "other")).ok());
  ASSERT_TRUE(DeleteSae("saes/a", "delete-1").ok());
  EXPECT_TRUE(DeleteSae("saes/a", "delete-1").ok());
  ExpectError(DeleteSae("saes/a"), StatusCode::kNotFound, "SAE_NOT_FOUND");
  ExpectError(Get("saes/a/concepts/1").status(), StatusCode::kNotFound, "SAE_NOT_FOUND");
  EXPECT_TRUE(Get("saes/b/concepts/1").ok());

  const auto changes = WatchUntilCaughtUp("", 5);
  ASSERT_EQ(changes.size(), 4U);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(changes[i].type(), v1::ConceptChange::TYPE_DELETED);
    EXPECT_EQ(changes[i].revision(), 6 + i);
    EXPECT_EQ(changes[i].latent_concept().name(), absl::StrCat("saes/a/concepts/", 1 + i));
    EXPECT_EQ(changes[i].latent_concept().latent(), 1 + i);
    EXPECT_EQ(changes[i].latent_concept().description(), "");
  }
  EXPECT_EQ(changes[2].type(), v1::ConceptChange::TYPE_SAE_DELETED);
  EXPECT_EQ(changes[2].revision(), 8);
  EXPECT_EQ(changes[2].sae().name(), "saes/a");
  EXPECT_EQ(changes[3].type(), v1::ConceptChange::TYPE_CAUGHT_UP);

  // The name is free again, and begins empty.
  ASSERT_TRUE(PublishSample("a").ok());
  ExpectError(Get("saes/a/concepts/1").status(), StatusCode::kNotFound, "CONCEPT_NOT_FOUND");
  v1::ListConceptRevisionsRequest revisions;
  revisions.set_name("saes/a/concepts/1");
  ExpectError(Do(&Stub::ListConceptRevisions, revisions).status(), StatusCode::kNotFound,
              "CONCEPT_NOT_FOUND");
  int pieces = 0;
  absl::Status status;
  EXPECT_EQ(ReadAllWeights(Next(), "saes/a", &pieces, &status), HashedBytes(SampleSae()));
}

// ---------------------------------------------------------------- concepts

TEST_P(ConceptStoreContract, ACreatedConceptComesBack) {
  ASSERT_TRUE(PublishSample("a").ok());
  const v1::Concept sample = SampleConcept(7, "Horror films of the 1980s");
  const auto created = Create("saes/a", sample);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->name(), "saes/a/concepts/7");
  EXPECT_EQ(created->revision(), 2);
  EXPECT_FALSE(created->etag().empty());
  EXPECT_TRUE(MessageDifferencer::Equals(created->create_time(), created->update_time()));
  const auto read = Get("saes/a/concepts/7");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*read, *created));
  v1::Concept expected = sample;
  expected.set_name(created->name());
  expected.set_etag(created->etag());
  expected.set_revision(2);
  *expected.mutable_create_time() = created->create_time();
  *expected.mutable_update_time() = created->update_time();
  EXPECT_TRUE(MessageDifferencer::Equals(*read, expected));
}

TEST_P(ConceptStoreContract, CreateRefusesWhatItMust) {
  ASSERT_TRUE(PublishSample("a").ok());
  ASSERT_TRUE(Create("saes/a", SampleConcept(15, "last latent")).ok());
  ExpectError(Create("saes/a", SampleConcept(15, "again")).status(), StatusCode::kAlreadyExists,
              "CONCEPT_EXISTS");
  ExpectError(Create("saes/a", SampleConcept(16, "beyond")).status(), StatusCode::kInvalidArgument,
              "LATENT_OUT_OF_RANGE");
  ExpectError(Create("saes/a", SampleConcept(-1, "below")).status(), StatusCode::kInvalidArgument,
              "INVALID_REQUEST");
  v1::Concept misnamed = SampleConcept(3, "x");
  misnamed.set_name("saes/a/concepts/4");
  ExpectError(Create("saes/a", misnamed).status(), StatusCode::kInvalidArgument, "INVALID_REQUEST");
  ExpectError(Create("saes/a/concepts", SampleConcept(3, "x")).status(),
              StatusCode::kInvalidArgument, "RESOURCE_NAME_INVALID");
  v1::Concept nan = SampleConcept(3, "x");
  nan.mutable_tests()->mutable_predictive()->set_correlation(
      std::numeric_limits<double>::quiet_NaN());
  ExpectError(Create("saes/a", nan).status(), StatusCode::kInvalidArgument, "INVALID_REQUEST");
  ExpectError(Get("saes/a/concepts/3").status(), StatusCode::kNotFound, "CONCEPT_NOT_FOUND");
  ExpectError(Get("saes/a/concepts/03").status(), StatusCode::kInvalidArgument,
              "RESOURCE_NAME_INVALID");
  ExpectError(Get("saes/a/concepts/99999999999").status(), StatusCode::kInvalidArgument,
              "RESOURCE_NAME_INVALID");
}

TEST_P(ConceptStoreContract, EveryMutationIsStoredOnceUnderItsRequestId) {
  ASSERT_TRUE(PublishSample("a").ok());
  v1::CreateConceptRequest create;
  create.set_parent("saes/a");
  create.set_request_id("id");  // ids of different calls do not meet
  *create.mutable_latent_concept() = SampleConcept(1, "one");
  const auto created = Do(&Stub::CreateConcept, create);
  ASSERT_TRUE(created.ok()) << created.status();
  v1::UpdateConceptRequest update;
  update.set_request_id("id");
  update.mutable_latent_concept()->set_name(created->name());
  update.mutable_latent_concept()->set_description("two");
  update.mutable_latent_concept()->set_etag(created->etag());
  update.mutable_update_mask()->add_paths("description");
  const auto updated = Do(&Stub::UpdateConcept, update);
  ASSERT_TRUE(updated.ok()) << updated.status();
  v1::BatchUpsertConceptsRequest batch;
  batch.set_parent("saes/a");
  batch.set_request_id("id");
  *batch.add_concepts() = SampleConcept(1, "three");
  *batch.add_concepts() = SampleConcept(2, "other");
  const auto upserted = Do(&Stub::BatchUpsertConcepts, batch);
  ASSERT_TRUE(upserted.ok()) << upserted.status();
  v1::DeleteConceptRequest remove;
  remove.set_request_id("id");
  remove.set_name(created->name());
  ASSERT_TRUE(Do(&Stub::DeleteConcept, remove).ok());

  // Again, although the state is another one by now.
  const auto created_again = Do(&Stub::CreateConcept, create);
  ASSERT_TRUE(created_again.ok()) << created_again.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*created_again, *created));
  const auto updated_again = Do(&Stub::UpdateConcept, update);
  ASSERT_TRUE(updated_again.ok()) << updated_again.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*updated_again, *updated));
  const auto upserted_again = Do(&Stub::BatchUpsertConcepts, batch);
  ASSERT_TRUE(upserted_again.ok()) << upserted_again.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*upserted_again, *upserted));
  EXPECT_TRUE(Do(&Stub::DeleteConcept, remove).ok());
  ExpectError(Get(created->name()).status(), StatusCode::kNotFound, "CONCEPT_NOT_FOUND");
  EXPECT_EQ(WatchUntilCaughtUp("", 0).size(), 7U);

  update.mutable_latent_concept()->set_description("another request");
  ExpectError(Do(&Stub::UpdateConcept, update).status(), StatusCode::kInvalidArgument,
              "REQUEST_ID_REUSED");
  update.set_request_id(std::string(129, 'x'));
  ExpectError(Do(&Stub::UpdateConcept, update).status(), StatusCode::kInvalidArgument,
              "REQUEST_ID_INVALID");
}

TEST_P(ConceptStoreContract, UpdateChangesTheNamedFields) {
  ASSERT_TRUE(PublishSample("a").ok());
  const auto created = Create("saes/a", SampleConcept(1, "one", {"war"}));
  ASSERT_TRUE(created.ok());
  v1::UpdateConceptRequest update;
  *update.mutable_latent_concept() = SampleConcept(1, "ignored", {"ignored"}, 0.75);
  update.mutable_latent_concept()->set_name(created->name());
  update.mutable_update_mask()->add_paths("tests");
  const auto updated = Do(&Stub::UpdateConcept, update);
  ASSERT_TRUE(updated.ok()) << updated.status();
  v1::Concept expected = *created;
  expected.mutable_tests()->mutable_predictive()->set_correlation(0.75);
  expected.set_etag(updated->etag());
  expected.set_revision(3);
  *expected.mutable_update_time() = updated->update_time();
  EXPECT_TRUE(MessageDifferencer::Equals(*updated, expected)) << updated->DebugString();
  EXPECT_NE(updated->etag(), created->etag());

  const auto described = Describe(created->name(), "mine");
  ASSERT_TRUE(described.ok());
  EXPECT_EQ(described->source(), v1::Concept::SOURCE_PERSON);
  EXPECT_EQ(described->terms(0).text(), "war");

  update.mutable_update_mask()->add_paths("revision");
  update.mutable_update_mask()->add_paths("nonsense");
  const absl::Status status = Do(&Stub::UpdateConcept, update).status();
  ExpectError(status, StatusCode::kInvalidArgument, "INVALID_REQUEST");
  EXPECT_THAT(std::string(status.message()), HasSubstr("revision"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("nonsense"));
  update.clear_update_mask();
  ExpectError(Do(&Stub::UpdateConcept, update).status(), StatusCode::kInvalidArgument,
              "INVALID_REQUEST");
  ExpectError(Describe("saes/a/concepts/2", "x").status(), StatusCode::kNotFound,
              "CONCEPT_NOT_FOUND");
}

TEST_P(ConceptStoreContract, AStaleEtagIsAborted) {
  ASSERT_TRUE(PublishSample("a").ok());
  const auto created = Create("saes/a", SampleConcept(1, "one"));
  ASSERT_TRUE(created.ok());
  const auto second = Describe(created->name(), "two", created->etag());
  ASSERT_TRUE(second.ok()) << second.status();
  ExpectError(Describe(created->name(), "three", created->etag()).status(), StatusCode::kAborted,
              "ETAG_MISMATCH");
  v1::DeleteConceptRequest remove;
  remove.set_name(created->name());
  remove.set_etag(created->etag());
  ExpectError(Do(&Stub::DeleteConcept, remove).status(), StatusCode::kAborted, "ETAG_MISMATCH");
  EXPECT_EQ(Get(created->name())->description(), "two");
  remove.set_etag(second->etag());
  EXPECT_TRUE(Do(&Stub::DeleteConcept, remove).ok());
  ExpectError(Do(&Stub::DeleteConcept, remove).status(), StatusCode::kNotFound,
              "CONCEPT_NOT_FOUND");
  // An etag of a concept that is gone is stale too.
  v1::Concept gone = SampleConcept(1, "back");
  gone.set_etag(second->etag());
  ExpectError(Upsert("saes/a", {gone}).status(), StatusCode::kAborted, "ETAG_MISMATCH");
}

TEST_P(ConceptStoreContract, ABatchIsAllOrNone) {
  ASSERT_TRUE(PublishSample("a").ok());
  const auto created = Create("saes/a", SampleConcept(2, "old"));
  ASSERT_TRUE(created.ok());
  v1::Concept stale = SampleConcept(2, "new");
  stale.set_etag("0000");
  ExpectError(Upsert("saes/a", {SampleConcept(1, "x"), stale}).status(), StatusCode::kAborted,
              "ETAG_MISMATCH");
  ExpectError(Upsert("saes/a", {SampleConcept(1, "x"), SampleConcept(16, "y")}).status(),
              StatusCode::kInvalidArgument, "LATENT_OUT_OF_RANGE");
  ExpectError(Upsert("saes/a", {SampleConcept(1, "x"), SampleConcept(1, "y")}).status(),
              StatusCode::kInvalidArgument, "INVALID_REQUEST");
  ExpectError(Upsert("saes/a", std::vector<v1::Concept>(501)).status(),
              StatusCode::kInvalidArgument, "INVALID_REQUEST");
  ExpectError(Get("saes/a/concepts/1").status(), StatusCode::kNotFound, "CONCEPT_NOT_FOUND");
  EXPECT_EQ(Get("saes/a/concepts/2")->etag(), created->etag());
  EXPECT_EQ(WatchUntilCaughtUp("", 0).size(), 3U);

  stale.set_etag(created->etag());
  const auto upserted = Upsert("saes/a", {SampleConcept(3, "three"), stale});
  ASSERT_TRUE(upserted.ok()) << upserted.status();
  ASSERT_EQ(upserted->concepts_size(), 2);
  EXPECT_EQ(upserted->concepts(0).name(), "saes/a/concepts/3");
  EXPECT_EQ(upserted->concepts(0).revision(), 3);
  EXPECT_EQ(upserted->concepts(1).revision(), 4);
  EXPECT_TRUE(
      MessageDifferencer::Equals(upserted->concepts(1).create_time(), created->create_time()));
  EXPECT_TRUE(MessageDifferencer::Equals(*Get("saes/a/concepts/2"), upserted->concepts(1)));
  EXPECT_TRUE(Upsert("saes/a", {}).ok());
}

TEST_P(ConceptStoreContract, FiveHundredConceptsFitABatch) {
  v1::PublishSaeRequest::Header header = SampleHeader("a");
  header.mutable_sae()->set_latent_count(1000);
  ASSERT_TRUE(Publish(Next(), header, SampleWeights(header.sae(), 1000)).ok());
  std::vector<v1::Concept> concepts;
  for (int i = 0; i < kMaxBatch; ++i) {
    concepts.push_back(SampleConcept(i, absl::StrCat("concept ", i)));
  }
  ASSERT_TRUE(Upsert("saes/a", concepts).ok());
  int32_t total = 0;
  v1::ListConceptsRequest request;
  request.set_parent("saes/a");
  request.set_page_size(5000);
  EXPECT_EQ(Pages(request, &total).size(), 1U);
  EXPECT_EQ(total, 500);
}

TEST_P(ConceptStoreContract, EditedDescriptionsCanBeKept) {
  ASSERT_TRUE(PublishSample("a").ok());
  ASSERT_TRUE(Upsert("saes/a", {SampleConcept(1, "old one"), SampleConcept(2, "old two")}).ok());
  ASSERT_TRUE(Describe("saes/a/concepts/1", "a person's words").ok());
  v1::BatchUpsertConceptsRequest request;
  request.set_parent("saes/a");
  request.set_keep_edited_descriptions(true);
  *request.add_concepts() = SampleConcept(1, "new one", {"new"}, 0.9);
  *request.add_concepts() = SampleConcept(2, "new two", {"new"}, 0.9);
  ASSERT_TRUE(Do(&Stub::BatchUpsertConcepts, request).ok());
  const auto edited = Get("saes/a/concepts/1");
  EXPECT_EQ(edited->description(), "a person's words");
  EXPECT_EQ(edited->source(), v1::Concept::SOURCE_PERSON);
  EXPECT_EQ(edited->terms(0).text(), "horror");
  EXPECT_EQ(edited->tests().predictive().correlation(), 0.9);
  EXPECT_EQ(edited->paper_score().confidence(), 0.9);
  EXPECT_EQ(Get("saes/a/concepts/2")->description(), "new two");
  request.set_keep_edited_descriptions(false);
  ASSERT_TRUE(Do(&Stub::BatchUpsertConcepts, request).ok());
  EXPECT_EQ(Get("saes/a/concepts/1")->description(), "new one");
}

TEST_P(ConceptStoreContract, ListsFilterOrderAndPage) {
  ASSERT_TRUE(PublishSample("a").ok());
  std::vector<v1::Concept> concepts;
  for (int i = 0; i < 7; ++i) {
    // Correlations .0 .3 .6 .9 .2 .5 .8
    concepts.push_back(SampleConcept(i, "c", {"t"}, (i * 3) % 10 / 10.0));
    concepts.back().mutable_paper_score()->set_confidence(i / 10.0);
    concepts.back().mutable_tests()->set_verified(i % 2 == 0);
  }
  // 1 is listed by 3; 4 by its description goes against what it was found for.
  concepts[1].mutable_group()->set_lead_latent(3);
  concepts[1].mutable_group()->set_size(2);
  concepts[3].mutable_group()->set_size(2);
  concepts[4].mutable_tests()->mutable_predictive()->set_correlation(-0.2);
  ASSERT_TRUE(Upsert("saes/a", concepts).ok());
  int32_t total = 0;
  v1::ListConceptsRequest request;
  request.set_parent("saes/a");
  request.set_page_size(3);
  EXPECT_THAT(Pages(request, &total),
              ElementsAre(ElementsAre(0, 1, 2), ElementsAre(3, 4, 5), ElementsAre(6)));
  EXPECT_EQ(total, 7);
  request.set_order(v1::ListConceptsRequest::ORDER_CORRELATION);
  EXPECT_THAT(Pages(request, &total),
              ElementsAre(ElementsAre(3, 6, 2), ElementsAre(5, 1, 0), ElementsAre(4)));
  request.set_groups_only(true);
  EXPECT_THAT(Pages(request, &total), ElementsAre(ElementsAre(3, 6, 2), ElementsAre(5, 0, 4)));
  EXPECT_EQ(total, 6);
  request.clear_groups_only();
  request.set_min_correlation(0.1);
  EXPECT_THAT(Pages(request, &total), ElementsAre(ElementsAre(3, 6, 2), ElementsAre(5, 1)));
  request.set_min_correlation(0.5);
  EXPECT_THAT(Pages(request, &total), ElementsAre(ElementsAre(3, 6, 2), ElementsAre(5)));
  EXPECT_EQ(total, 4);
  request.set_verified_only(true);
  EXPECT_THAT(Pages(request, &total), ElementsAre(ElementsAre(6, 2)));
  EXPECT_EQ(total, 2);
  request.clear_min_correlation();
  request.clear_verified_only();
  request.set_min_paper_confidence(0.4);
  request.set_order(v1::ListConceptsRequest::ORDER_PAPER_CONFIDENCE);
  EXPECT_THAT(Pages(request, &total), ElementsAre(ElementsAre(6, 5, 4)));
  request.set_order(v1::ListConceptsRequest::ORDER_ACTIVE_ROWS);
  request.clear_min_paper_confidence();
  request.set_page_size(0);
  EXPECT_THAT(Pages(request, &total), ElementsAre(ElementsAre(6, 5, 4, 3, 2, 1, 0)));
}

TEST_P(ConceptStoreContract, ListsRefuseBadPagesAndFilters) {
  ASSERT_TRUE(PublishSample("a").ok());
  ASSERT_TRUE(Upsert("saes/a", {SampleConcept(1, "x"), SampleConcept(2, "y")}).ok());
  v1::ListConceptsRequest request;
  request.set_parent("saes/a");
  request.set_page_size(1);
  const std::string token = Do(&Stub::ListConcepts, request)->next_page_token();
  ASSERT_FALSE(token.empty());
  request.set_page_token(token);
  request.set_order(v1::ListConceptsRequest::ORDER_CORRELATION);
  ExpectError(Do(&Stub::ListConcepts, request).status(), StatusCode::kInvalidArgument,
              "PAGE_TOKEN_INVALID");
  request.clear_order();
  request.set_page_size(2);
  EXPECT_TRUE(Do(&Stub::ListConcepts, request).ok());
  request.set_page_size(-1);
  ExpectError(Do(&Stub::ListConcepts, request).status(), StatusCode::kInvalidArgument,
              "PAGE_SIZE_INVALID");
  request.set_page_size(1);
  request.clear_page_token();
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), -0.5, 1.5}) {
    request.set_min_correlation(bad);
    ExpectError(Do(&Stub::ListConcepts, request).status(), StatusCode::kInvalidArgument,
                "INVALID_REQUEST");
  }
  request.set_min_correlation(0);
  request.set_order(static_cast<v1::ListConceptsRequest::Order>(9));
  ExpectError(Do(&Stub::ListConcepts, request).status(), StatusCode::kInvalidArgument,
              "INVALID_REQUEST");
}

TEST_P(ConceptStoreContract, PagesOfLargeConceptsStayBelowTheMessageLimit) {
  v1::PublishSaeRequest::Header header = SampleHeader("a");
  header.mutable_sae()->set_latent_count(200);
  ASSERT_TRUE(Publish(Next(), header, SampleWeights(header.sae(), 1000)).ok());
  for (int first = 0; first < 120; first += 60) {
    std::vector<v1::Concept> concepts;
    for (int i = first; i < first + 60; ++i) {
      concepts.push_back(SampleConcept(i, "large"));
      concepts.back().mutable_evidence(0)->set_recommended_item_id(std::string(60000, 'x'));
    }
    const auto upserted = Upsert("saes/a", concepts);
    ASSERT_TRUE(upserted.ok()) << upserted.status();
  }
  int32_t total = 0;
  v1::ListConceptsRequest request;
  request.set_parent("saes/a");
  request.set_page_size(1000);
  size_t listed = 0;
  for (const auto& page : Pages(request, &total)) listed += page.size();
  EXPECT_EQ(listed, 120U);
  EXPECT_EQ(total, 120);
  EXPECT_GT(Search("large", 100).size(), 30U);
}

TEST_P(ConceptStoreContract, SearchFollowsEveryWrite) {
  ASSERT_TRUE(PublishSample("a").ok());
  ASSERT_TRUE(Upsert("saes/a", {SampleConcept(1, "war and some horror", {"war", "horror"}, 0.9),
                                SampleConcept(2, "horror", {"horror"}, 0.5),
                                SampleConcept(3, "space", {"star trek"}, 0.5)})
                  .ok());
  EXPECT_THAT(Search("horr"), ElementsAre(2, 1));
  EXPECT_THAT(Search("Star Tr"), ElementsAre(3));
  EXPECT_THAT(Search("horror", 1), ElementsAre(2));
  EXPECT_THAT(Search("western"), IsEmpty());
  ASSERT_TRUE(Describe("saes/a/concepts/3", "western").ok());
  EXPECT_THAT(Search("western"), ElementsAre(3));
  EXPECT_THAT(Search("space"), IsEmpty());
  v1::DeleteConceptRequest remove;
  remove.set_name("saes/a/concepts/2");
  ASSERT_TRUE(Do(&Stub::DeleteConcept, remove).ok());
  EXPECT_THAT(Search("horror"), ElementsAre(1));

  v1::SearchConceptsRequest request;
  request.set_parent("saes/a");
  request.set_query(" ?! ");
  ExpectError(Do(&Stub::SearchConcepts, request).status(), StatusCode::kInvalidArgument,
              "INVALID_REQUEST");
  request.set_query("x");
  request.set_max_results(-1);
  ExpectError(Do(&Stub::SearchConcepts, request).status(), StatusCode::kInvalidArgument,
              "INVALID_REQUEST");
}

TEST_P(ConceptStoreContract, RevisionsListEveryStateNewestFirst) {
  ASSERT_TRUE(PublishSample("a").ok());
  ASSERT_TRUE(Create("saes/a", SampleConcept(1, "v1")).ok());
  ASSERT_TRUE(Create("saes/a", SampleConcept(2, "another")).ok());
  ASSERT_TRUE(Describe("saes/a/concepts/1", "v2").ok());
  v1::DeleteConceptRequest remove;
  remove.set_name("saes/a/concepts/1");
  ASSERT_TRUE(Do(&Stub::DeleteConcept, remove).ok());
  v1::ListConceptRevisionsRequest request;
  request.set_name("saes/a/concepts/1");
  // A deleted concept has a history still, and goes on with it.
  EXPECT_EQ(Do(&Stub::ListConceptRevisions, request)->changes_size(), 3);
  ASSERT_TRUE(Create("saes/a", SampleConcept(1, "v3")).ok());

  request.set_page_size(3);
  std::vector<std::string> states;
  std::vector<int64_t> revisions;
  do {
    const auto page = Do(&Stub::ListConceptRevisions, request);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->changes_size(), 3);
    for (const auto& change : page->changes()) {
      EXPECT_EQ(change.latent_concept().name(), "saes/a/concepts/1");
      states.push_back(change.type() == v1::ConceptChange::TYPE_DELETED
                           ? "-"
                           : change.latent_concept().description());
      revisions.push_back(change.revision());
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(states, ElementsAre("v3", "-", "v2", "v1"));
  EXPECT_THAT(revisions, ElementsAre(6, 5, 4, 2));
  request.set_name("saes/a/concepts/9");
  ExpectError(Do(&Stub::ListConceptRevisions, request).status(), StatusCode::kNotFound,
              "CONCEPT_NOT_FOUND");
}

TEST_P(ConceptStoreContract, AWatchReplaysTheLogFromAnyRevision) {
  ASSERT_TRUE(PublishSample("a").ok());
  ASSERT_TRUE(PublishSample("ab").ok());  // a prefix of another name is not that name
  ASSERT_TRUE(Create("saes/a", SampleConcept(1, "r3")).ok());
  ASSERT_TRUE(Create("saes/ab", SampleConcept(1, "r4")).ok());
  ASSERT_TRUE(Describe("saes/a/concepts/1", "r5").ok());
  ASSERT_TRUE(Create("saes/ab", SampleConcept(2, "r6")).ok());
  const std::vector<std::pair<std::string, std::map<int64_t, std::string>>> expected = {
      {"", {{1, "saes/a"}, {2, "saes/ab"}, {3, "r3"}, {4, "r4"}, {5, "r5"}, {6, "r6"}}},
      {"saes/a", {{1, "saes/a"}, {3, "r3"}, {5, "r5"}}},
      {"saes/ab", {{2, "saes/ab"}, {4, "r4"}, {6, "r6"}}}};
  for (const auto& [parent, all] : expected) {
    for (int64_t since = 0; since <= 6; ++since) {
      std::map<int64_t, std::string> wanted;
      for (const auto& [revision, state] : all) {
        if (revision > since) wanted[revision] = state;
      }
      const auto changes = WatchUntilCaughtUp(parent, since);
      ASSERT_EQ(changes.size(), wanted.size() + 1) << parent << " since " << since;
      auto next = wanted.begin();
      for (size_t i = 0; i + 1 < changes.size(); ++i, ++next) {
        EXPECT_EQ(changes[i].revision(), next->first);
        EXPECT_FALSE(changes[i].epoch().empty());
        if (next->first <= 2) {
          EXPECT_EQ(changes[i].type(), v1::ConceptChange::TYPE_SAE_PUBLISHED);
          EXPECT_EQ(changes[i].sae().name(), next->second);
          continue;
        }
        EXPECT_EQ(changes[i].type(), v1::ConceptChange::TYPE_UPSERTED);
        EXPECT_EQ(changes[i].latent_concept().revision(), next->first);
        EXPECT_EQ(changes[i].latent_concept().description(), next->second);
      }
      EXPECT_EQ(changes.back().type(), v1::ConceptChange::TYPE_CAUGHT_UP);
      EXPECT_EQ(changes.back().revision(), 6);
    }
  }
  ExpectError(WatchError("", 7), StatusCode::kOutOfRange, "REVISION_UNKNOWN");
  ExpectError(WatchError("", -1), StatusCode::kInvalidArgument, "INVALID_REQUEST");
  ExpectError(WatchError("sae/a", 0), StatusCode::kInvalidArgument, "RESOURCE_NAME_INVALID");
}

TEST_P(ConceptStoreContract, AWatchBeginsWithTheSnapshot) {
  ASSERT_TRUE(PublishSample("a").ok());
  ASSERT_TRUE(PublishSample("ab").ok());
  ASSERT_TRUE(Create("saes/a", SampleConcept(1, "old")).ok());
  ASSERT_TRUE(Describe("saes/a/concepts/1", "new").ok());
  ASSERT_TRUE(Create("saes/ab", SampleConcept(2, "other")).ok());
  ASSERT_TRUE(Create("saes/ab", SampleConcept(3, "gone")).ok());
  v1::DeleteConceptRequest remove;
  remove.set_name("saes/ab/concepts/3");
  ASSERT_TRUE(Do(&Stub::DeleteConcept, remove).ok());
  const std::vector<std::pair<std::string, std::vector<std::string>>> expected = {
      {"", {"saes/a", "saes/ab", "new", "other"}},
      {"saes/a", {"saes/a", "new"}},
      {"saes/ab", {"saes/ab", "other"}}};
  for (const auto& [parent, wanted] : expected) {
    std::vector<std::string> states;
    const auto changes = WatchUntilCaughtUp(parent, std::nullopt);
    ASSERT_FALSE(changes.empty());
    for (size_t i = 0; i + 1 < changes.size(); ++i) {
      EXPECT_EQ(changes[i].revision(), 0);
      states.push_back(changes[i].has_sae() ? changes[i].sae().name()
                                            : changes[i].latent_concept().description());
    }
    EXPECT_EQ(states, wanted) << parent;
    EXPECT_EQ(changes.back().type(), v1::ConceptChange::TYPE_CAUGHT_UP);
    EXPECT_EQ(changes.back().revision(), 7);
    // Whoever comes back with it goes on there.
    EXPECT_EQ(WatchUntilCaughtUp(parent, changes.back().revision()).size(), 1U);
  }
}

RECSAE_STORE_CONTRACT(ConceptStoreContract);

}  // namespace
}  // namespace recsae::concept_store
