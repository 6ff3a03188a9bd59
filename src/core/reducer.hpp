// Numbers from all ranks, for whoever needs them without knowing MPI: tasks, metrics, evaluation (CONTRACTS 16).
#pragma once

#include <span>

namespace muster {

// Collective: every rank calls the same functions in the same order with the same sizes. One thread at a time.
class Reducer {
 public:
  virtual ~Reducer() = default;
  virtual int rank() const noexcept = 0;
  virtual int world() const noexcept = 0;
  virtual void sum(std::span<double> values) = 0;  // in place, the same bits on every rank
  virtual void max(std::span<double> values) = 0;
};

// The reducer of a run of one rank.
class SoloReducer final : public Reducer {
 public:
  int rank() const noexcept override { return 0; }
  int world() const noexcept override { return 1; }
  void sum(std::span<double>) override {}
  void max(std::span<double>) override {}
};

}  // namespace muster
