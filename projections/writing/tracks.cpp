#include "projections/writing/tracks.hpp"

#include <algorithm>
#include <future>
#include <iterator>
#include <utility>

#include "infra/log.hpp"
#include "projections/writing/changes.hpp"
#include "projections/writing/parked.hpp"

namespace jangbu {

namespace {

// From this many events on, when the projector has fallen behind, a second transaction saves more
// time than it costs. Below, its commit and its thread would only take processor time from the
// shop.
constexpr std::size_t worth_two_transactions = 1'000;

// Moves only checkpoints that are still where they were expected: a faster projector, a swap, or a
// row released in the meantime leaves fewer rows.
const pg::Statement move_checkpoints_text{
    "tracks.move_checkpoints",
    "UPDATE jangbu.checkpoints c SET position = $6, commit_id = $7 "
    "FROM unnest($1::text[], $2::int[], $3::text[], $4::int[]) "
    "AS own (read_model, generation, state, parked) "
    "WHERE c.read_model = own.read_model AND c.generation = own.generation "
    "AND c.state = own.state AND c.parked = own.parked AND c.position = $5"};

Wanted not_parked(const Track& track) {
  if (track.parked.empty()) return {};
  return [&parked = track.parked](const EntityId& id) { return !parked.contains(id); };
}

// The checkpoints move first: their row locks make a second projector wait here, and then find them
// moved.
bool move_checkpoints(pg::Connection& connection, const std::vector<Track*>& tracks,
                      const Batch& batch) {
  pg::BulkRows own;
  for (const Track* track : tracks)
    own.add(track->checkpoint.read_model, track->checkpoint.generation,
            to_string(track->checkpoint.state), track->checkpoint.parked);
  auto parts = std::move(own).take();
  pg::Params& params = parts.front().params;
  params.add(tracks.front()->checkpoint.position);
  params.add(batch.last().position);
  params.add(batch.last().id);
  return rows_of(connection.execute({&move_checkpoints_text, std::move(params)})) == tracks.size();
}

// Writes tracks that are at one position, in one transaction.
bool write_together(pg::Connection& connection, const std::vector<Track*>& tracks,
                    const Batch& batch, bool row_by_row) {
  pg::Transaction transaction(connection);
  if (!move_checkpoints(connection, tracks, batch)) return false;

  std::vector<std::vector<RefusedRow>> refused(tracks.size());
  if (row_by_row) {
    for (std::size_t i = 0; i < tracks.size(); ++i) {
      Track& track = *tracks[i];
      refused[i] = write_row_by_row(connection, *track.fold, batch.commits, not_parked(track));
      if (!refused[i].empty()) park(connection, track.checkpoint, refused[i]);
    }
    connection.execute(tell_who_waits());
  } else {
    std::vector<Change> changes;
    for (Track* track : tracks) {
      for (const DecodedCommit& commit : batch.commits) fold_commit(*track->fold, commit);
      auto taken = take_changes(*track->fold, not_parked(*track));
      std::move(taken.begin(), taken.end(), std::back_inserter(changes));
    }
    execute(connection, std::move(changes), {tell_who_waits()});
  }
  transaction.commit();

  for (std::size_t i = 0; i < tracks.size(); ++i) {
    Checkpoint& checkpoint = tracks[i]->checkpoint;
    checkpoint.position = batch.last().position;
    checkpoint.commit_id = batch.last().id;
    checkpoint.parked += static_cast<int>(refused[i].size());
    for (const auto& row : refused[i]) tracks[i]->parked.insert(row.entity);
  }
  return true;
}

bool write_together(pg::Connection& connection, const std::vector<Track*>& tracks,
                    const Batch& batch) {
  try {
    return write_together(connection, tracks, batch, false);
  } catch (const Unfit& unfit) {
    log::warn("a batch up to position {} is written row by row: {}", batch.last().position.value,
              unfit.what());
    return write_together(connection, tracks, batch, true);
  }
}

}  // namespace

Tracks::Tracks(pg::Connection& connection, std::span<const Generation> generations,
               pg::Connection* second)
    : connection_(connection), second_(second) {
  std::vector<Parked> parked;
  const auto has_parked = [](const Generation& one) { return one.checkpoint.parked > 0; };
  if (std::any_of(generations.begin(), generations.end(), has_parked))
    parked = read_parked(connection);
  for (const auto& [model, checkpoint] : generations) {
    Track track{model, checkpoint, model->fold(checkpoint.schema()), {}};
    for (const Parked& row : parked)
      if (row.read_model == checkpoint.read_model && row.generation == checkpoint.generation)
        track.parked.insert(row.entity);
    tracks_.push_back(std::move(track));
  }
}

Position Tracks::position() const {
  const auto by_position = [](const Track& one, const Track& other) {
    return one.checkpoint.position < other.checkpoint.position;
  };
  return std::min_element(tracks_.begin(), tracks_.end(), by_position)->checkpoint.position;
}

std::optional<Position> Tracks::limit() const {
  std::optional<Position> limit;
  for (const Track& track : tracks_)
    if (track.checkpoint.position > position())
      limit = std::min(limit.value_or(track.checkpoint.position), track.checkpoint.position);
  return limit;
}

std::vector<Track*> Tracks::moving() {
  std::vector<Track*> moving;
  for (Track& track : tracks_)
    if (track.checkpoint.position == position()) moving.push_back(&track);
  return moving;
}

bool Tracks::write(const Batch& batch) {
  const std::vector<Track*> all = moving();
  if (!second_ || all.size() < 2 || batch.events < worth_two_transactions)
    return write_together(connection_, all, batch);
  // Alternates, since neighbours in the registry do not cost the same.
  std::vector<Track*> here, there;
  for (Track* track : all) (here.size() > there.size() ? there : here).push_back(track);
  auto other =
      std::async(std::launch::async, [&] { return write_together(*second_, there, batch); });
  const bool written = write_together(connection_, here, batch);
  return other.get() && written;
}

}  // namespace jangbu
