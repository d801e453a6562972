// From values to pixels, with ticks at round values.

function linearTicks([low, high], count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1) ticks.push(+(i * step).toPrecision(12));
  return ticks;
}

function logTicks([low, high], count) {
  for (const factors of [[1], [1, 3], [1, 2, 5]].slice(Math.log10(high / low) > 0.62 * count ? 0 : 2)) {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
      for (const factor of factors) {
        const tick = factor * 10 ** power;
        if (tick >= low * 0.999999 && tick <= high * 1.000001) ticks.push(+tick.toPrecision(12));
      }
    }
    if (ticks.length >= 3) return ticks;
  }
  return linearTicks([low, high], count);
}

function scale(values, [start, end], { log = false, margin = 0.06, ticks = 6 } = {}) {
  const to = log ? Math.log : (value) => value;
  const from = log ? Math.exp : (value) => value;
  // Thousands of values are too many for one call's arguments.
  const extreme = (choose) => values.map(to).reduce((a, b) => choose(a, b));
  let [low, high] = [extreme(Math.min), extreme(Math.max)];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const room = (high - low) * margin;
  [low, high] = [low - room, high + room];
  const map = (value) => start + ((to(value) - low) / (high - low)) * (end - start);
  map.ticks = (log ? logTicks : linearTicks)([from(low), from(high)], ticks);
  map.range = [start, end];
  return map;
}
