#include "common/access/audit.h"

#include <gtest/gtest.h>

#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae {
namespace {

TEST(ResourceOf, IsTheNamesOfARequestAndItsHeader) {
  probe::v1::DeleteCaptureRequest removal;
  removal.set_name("recommenders/a/captures/b");
  removal.set_request_id("r1");
  EXPECT_EQ(ResourceOf(removal), "recommenders/a/captures/b");
  EXPECT_EQ(RequestIdOf(removal), "r1");

  probe::v1::ImportRecommenderRequest import;
  import.mutable_header()->set_recommender_id("mine");
  import.mutable_header()->set_catalog("catalogs/c");
  import.mutable_header()->set_request_id("r2");
  EXPECT_EQ(ResourceOf(import), "mine catalogs/c");
  EXPECT_EQ(RequestIdOf(import), "r2");

  concept_store::v1::UpdateConceptRequest update;
  update.mutable_latent_concept()->set_name("saes/s/concepts/1");
  update.mutable_latent_concept()->set_description("somebody's words");
  EXPECT_EQ(ResourceOf(update), "saes/s/concepts/1");
}

TEST(ResourceOf, HoldsNoUsersAndStaysShort) {
  explainer::v1::ExplainRequest request;
  request.set_sae(std::string(1000, 's'));
  EXPECT_LE(ResourceOf(request).size(), 256U);
  EXPECT_EQ(RequestIdOf(request), "");
  probe::v1::ComputeActivationsRequest activations;
  activations.set_recommender("recommenders/r");
  activations.add_queries()->set_user_id("user-7");
  EXPECT_EQ(ResourceOf(activations), "recommenders/r");
}

}  // namespace
}  // namespace recsae
