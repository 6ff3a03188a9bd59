// Random weights: a function of seed, parameter name and index only, so equal on every rank and for every sharding.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "model/block.hpp"
#include "model/parameters.hpp"
#include "model/sharded_parameters.hpp"

namespace muster::model {

// PyTorch's default for Linear and convolutions, weight and bias alike: U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
Init default_init(std::int64_t fan_in);

// Fills `tensor` (contiguous, on the CPU, of a float type), element i from value `first` + i of the parameter's sequence: any
// part of a parameter can be drawn alone. Values are computed in double, then rounded to float
// and, where `tensor` is narrower, from there. Runs on LibTorch's threads.
void fill(at::Tensor& tensor, const Init& init, std::uint64_t seed, std::string_view parameter_name, std::int64_t first = 0);

// Every parameter of the units, by its declaration.
void initialise(ParameterStore& parameters, std::span<const UnitSpec> units, std::uint64_t seed);

// The same values, those that these shards hold.
void initialise(std::span<ShardedSegment> shards, std::span<const UnitSpec> units, std::uint64_t seed);

}  // namespace muster::model
