// Whose recommendation `recsae explain` and `recsae steer` are about.
#ifndef RECSAE_CLIENTS_CLI_FLAGS_SUBJECT_H_
#define RECSAE_CLIENTS_CLI_FLAGS_SUBJECT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/flags/command.h"
#include "clients/cli/session/session.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {

struct SubjectFlags {
  std::string sae;
  std::string user;
  std::string capture;
  std::vector<std::string> history;
  std::string activations;
};

void AddSubjectFlags(Command& command, SubjectFlags& flags);

// A subject, and what is known about it for the person who asks.
struct ChosenSubject {
  explainer::v1::Subject subject;
  // "user 42 in movies/test".
  std::string title;
  // Oldest first; empty where it is not known.
  std::vector<std::string> history;
};

// A usage error unless the flags say exactly one way whose.
absl::StatusOr<ChosenSubject> ChooseSubject(Session& session, const concept_store::v1::Sae& sae,
                                            const SubjectFlags& flags);

// Items that are left out of lists: --exclude and --keep-seen.
void AddExcludeFlags(Command& command, std::vector<std::string>& exclude, bool& keep_seen);

// --ignore-controls.
void AddIgnoreControls(Command& command, bool& ignore_controls);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FLAGS_SUBJECT_H_
