#include "common/rpc/service_names.h"

#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/impl/server_initializer.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <utility>

namespace recsae {
namespace {

using Receiver = std::function<void(const std::vector<std::string>&)>;

class NamesPlugin : public grpc::ServerBuilderPlugin {
 public:
  explicit NamesPlugin(Receiver receive) : receive_(std::move(receive)) {}

  std::string name() override { return "recsae.service_names"; }
  void InitServer(grpc::ServerInitializer* server) override { receive_(*server->GetServiceList()); }
  void Finish(grpc::ServerInitializer* /*server*/) override {}
  void ChangeArguments(const std::string& /*name*/, void* /*value*/) override {}

 private:
  const Receiver receive_;
};

// The way to give a plugin to one builder instead of to all.
class NamesOption : public grpc::ServerBuilderOption {
 public:
  explicit NamesOption(Receiver receive) : receive_(std::move(receive)) {}

  void UpdateArguments(grpc::ChannelArguments* /*args*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->push_back(std::make_unique<NamesPlugin>(receive_));
  }

 private:
  const Receiver receive_;
};

}  // namespace

void ReceiveServiceNames(grpc::ServerBuilder& builder, Receiver receive) {
  builder.SetOption(std::make_unique<NamesOption>(std::move(receive)));
}

}  // namespace recsae
