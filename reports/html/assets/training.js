// Among which networks the frontier is. The page has the frontiers for every choice, and shows those of one.

let training = DATA.training;
const USUAL_DATA = distinct(DATA.groups.map((group) => group.usual_data)).join(" or ");
const OTHER_DATA = distinct(DATA.groups.map((group) => group.other_data)).join(", ");
const TRAININGS = [["imagenet-1k", `trained on ${USUAL_DATA} alone`], ["any", "trained on any data"]];

const trainingWatchers = [];
const onTraining = (watcher) => trainingWatchers.push(watcher);

function chooseTraining(choice) {
  if (choice === training) return;
  training = choice;
  for (const watcher of trainingWatchers) watcher();
}

const onFrontier = (row) => Boolean(row.frontiers?.includes(training));
const isHollow = (row) => Boolean(row.comparable && row.other_data);

function frontierText(row) {
  if (onFrontier(row)) return "★ on it";
  if (!row.comparable) return "not ranked";
  return isHollow(row) && training !== "any" ? "not ranked: other training data" : "dominated";
}

const trainedOn = (row) => row.training_data || (row.accuracy_kind ? "not known" : "");

// Omitted if there is nothing to choose.
function trainingSelect(onchange) {
  if (!OTHER_DATA) return null;
  return el("select", { id: "filter-training", onchange },
    TRAININGS.map(([choice, label]) => el("option", { value: choice, selected: choice === DATA.training }, label)));
}
