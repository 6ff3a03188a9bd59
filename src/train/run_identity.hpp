// What makes two starts the same run: the keys that define it and the data's fingerprint (CONTRACTS 11).
#pragma once

#include <string>

#include "core/run_folder.hpp"
#include "dist/communicator.hpp"
#include "io/value.hpp"

namespace muster::train {

struct RunIdentity {
  io::Value recipe;         // resolved, all keys
  std::string fingerprint;  // of the dataset

  // The recipe without the keys that may change when a run goes on, and the fingerprint.
  io::Value defining() const;
  // XXH3-128 of the above: the id that checkpoints carry.
  std::string run_id() const;
};

// Takes an empty folder for this run (recipe.yaml, run.json), or accepts one that holds the same run. ConfigError when it
// holds another run (the first key that differs is named) or other files; `overwrite` empties it instead.
// `facts` are added to run.json: versions, ranks, devices. Returns how many times the run was started before.
int claim_run_folder(RunFolder& folder, const RunIdentity& identity, bool overwrite, const io::Value& facts);

// Collective. ConfigError, the same on all ranks, when recipe or data of a rank are not those of rank 0; names key, values, rank.
void check_same_on_all_ranks(const RunIdentity& identity, dist::Communicator& ranks);

}  // namespace muster::train
