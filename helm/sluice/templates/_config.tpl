{{/* The `data` of the ConfigMap; empty when the image's proxy.yaml, or a ConfigMap of the user, is all there is. */}}
{{- define "sluice.configData" -}}
{{- if and .Values.existingConfigMap.name (or .Values.config .Values.overlay) -}}
{{- fail "sluice: set existingConfigMap.name, or config and overlay, but not both" -}}
{{- end -}}
{{- $files := dict -}}
{{- with .Values.config -}}
{{- $_ := set $files "proxy.yaml" (kindIs "string" . | ternary . (toYaml .)) -}}
{{- end -}}
{{- with .Values.overlay -}}
{{- $_ := set $files "overlay.yaml" (toYaml .) -}}
{{- end -}}
{{- if .Values.gateway.enabled -}}
{{- $gateway := dict "listen" "[::]:7480" -}}
{{- with .Values.gateway.allow -}}
{{- $_ := set $gateway "policies" (list (dict "policy" "ip-access" "with" (dict "allow" .))) -}}
{{- end -}}
{{- $_ := set $files "gateway.yaml" (toYaml $gateway) -}}
{{- end -}}
{{- if $files -}}
{{- toYaml $files -}}
{{- end -}}
{{- end -}}

{{/*
The arguments: which files are merged, later ones over earlier ones. The gateway's own comes before the user's overlay,
so that the overlay has the last word. Takes { root, gateway }.
*/}}
{{- define "sluice.args" -}}
{{- $values := .root.Values -}}
{{- $files := list -}}
{{- if $values.existingConfigMap.name -}}
{{- $files = $values.existingConfigMap.keys -}}
{{- end -}}
{{- $base := "/app/proxy.yaml" -}}
{{- if or $values.config (has "proxy.yaml" $files) -}}
{{- $base = "/etc/sluice/proxy.yaml" -}}
{{- end -}}
- --config={{ $base }}
{{- if .gateway }}
- --config=/etc/sluice/gateway.yaml
{{- end }}
{{- if or $values.overlay (has "overlay.yaml" $files) }}
- --config=/etc/sluice/overlay.yaml
{{- end }}
{{- end -}}

{{/* True (non-empty) when there are files to mount at /etc/sluice. */}}
{{- define "sluice.hasConfig" -}}
{{- if or .Values.existingConfigMap.name (include "sluice.configData" .) -}}true{{- end -}}
{{- end -}}
