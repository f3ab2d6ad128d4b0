/** Node's diagnostic reports (`--report-on-fatalerror` and its kin) tell every environment variable, and keys are in some. */

/**
 * Leaves the environment out of every report. A report of a full heap is made where Node has lost sight of this setting
 * and knows the command line only, so without `--report-exclude-env` there is none of a fatal error.
 */
export function keepEnvironmentOutOfReports(): void {
  const { report } = process;
  if (report.excludeEnv) return; // --report-exclude-env
  report.excludeEnv = true;
  report.reportOnFatalError = false;
}
