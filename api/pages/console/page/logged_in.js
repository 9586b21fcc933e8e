// The window in which somebody has logged in, sent back here by the provider: takes its answer out of
// the address, hands it to the page that asked (provider.js), and closes.
const answer = Object.fromEntries(new URLSearchParams(location.search));
history.replaceState(null, "", location.pathname);
const answers = new BroadcastChannel("jangbu-log-in");
answers.onmessage = ({ data }) => data.taken === answer.state && close();
answers.postMessage(answer);
