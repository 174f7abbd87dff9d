// What a tool's whole process took, start-up of Node.js included; the last line that it prints.
export function report(answer) {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const cpuMs = (userCPUTime + systemCPUTime) / 1e3;
  console.log(JSON.stringify({ cpuMs, wallMs: performance.now(), peakBytes: maxRSS * 1024, answer }));
}
