// Prints the name of this machine as binaries are named by it: `linux-x64-gnu`.
const libc = {
  linux: process.report.getReport().header.glibcVersionRuntime ? '-gnu' : '-musl',
  win32: '-msvc',
};
console.log(`${process.platform}-${process.arch}${libc[process.platform] ?? ''}`);
