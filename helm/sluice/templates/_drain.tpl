{{/*
The seconds that Sluice needs from SIGTERM to its end: `server.drain` of the configuration, rounded up, and 10 for what
comes after it. A native sidecar gets its SIGTERM when your containers have exited, so your pod's grace period is their
need and this:

  terminationGracePeriodSeconds: {{ add 60 (include "sluice.terminationSeconds" .Subcharts.sluice | int) }}

With `legacy` both end side by side, and what is given includes the preStop hook: take the `max` of the two.
*/}}
{{- define "sluice.terminationSeconds" -}}
{{- $before := .Values.legacy | ternary (int .Values.legacyPreStopSeconds) 0 -}}
{{- add $before (include "sluice.drainSeconds" . | int) 10 -}}
{{- end -}}

{{/* `server.drain` in whole seconds, from `overlay`, else `config`, else 25 as in proxy.yaml as shipped. */}}
{{- define "sluice.drainSeconds" -}}
{{- $config := .Values.config | default dict -}}
{{- if kindIs "string" $config -}}
{{- $config = fromYaml $config -}}
{{- if hasKey $config "Error" -}}
{{- fail (printf "sluice: config is no YAML: %s" $config.Error) -}}
{{- end -}}
{{- end -}}
{{- $drain := dig "server" "drain" "25s" $config -}}
{{- $drain = dig "server" "drain" $drain .Values.overlay | toString -}}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?" $drain | default "x" -}}
{{- $unit := trimPrefix $number $drain -}}
{{- if eq (regexReplaceAll "^0+$" $drain "") "" -}}
0
{{- else if hasKey (include "sluice.secondsOf" . | fromYaml) $unit -}}
{{- ceil (mulf (float64 $number) (get (include "sluice.secondsOf" . | fromYaml) $unit)) -}}
{{- else -}}
{{- fail (printf "sluice: server.drain %q is no duration such as 25s; the grace period is derived from it" $drain) -}}
{{- end -}}
{{- end -}}

{{- define "sluice.secondsOf" -}}
{ ms: 0.001, s: 1, m: 60, h: 3600 }
{{- end -}}
