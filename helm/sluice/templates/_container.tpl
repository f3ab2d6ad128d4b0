{{/*
The container. As a native sidecar it is an item for `initContainers`: it starts before the containers of the pod, which
wait for its startup probe, and gets SIGTERM after the last of them has exited. With `legacy` it is an item for `containers`.

  initContainers:
    {{- include "sluice.container" .Subcharts.sluice | nindent 4 }}
*/}}
{{- define "sluice.container" -}}
{{- if not (or .Values.legacy (semverCompare ">=1.29.0-0" .Capabilities.KubeVersion.Version)) -}}
{{- fail (printf "sluice: Kubernetes %s has no native sidecars; set legacy: true" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
- name: {{ .Chart.Name }}
  {{- if not .Values.legacy }}
  restartPolicy: Always
  {{- end }}
  {{- include "sluice.containerBody" (dict "root" . "gateway" false) | nindent 2 }}
  {{- if .Values.legacy }}
  lifecycle:
    preStop:
      {{- include "sluice.preStopCommand" .Values.legacyPreStopSeconds | nindent 6 }}
  {{- end }}
{{- end -}}

{{/* What the sidecar and the gateway's container have in common. Takes { root, gateway }. */}}
{{- define "sluice.containerBody" -}}
{{- $values := .root.Values -}}
image: {{ include "sluice.image" .root | quote }}
imagePullPolicy: {{ $values.image.pullPolicy }}
args:
  {{- include "sluice.args" . | nindent 2 }}
  {{- if not (include "sluice.watches" .root) }}
  # Pods with the new configuration are on their way, and those that are there must not go ahead of them.
  - --no-watch
  {{- end }}
{{ include "sluice.environment" .root }}
ports:
  {{- if .gateway }}
  - name: proxy
    containerPort: 7480
  {{- end }}
  - name: sluice-admin
    containerPort: {{ int $values.admin.port }}
startupProbe:
  httpGet:
    path: /startupz
    port: sluice-admin
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet:
    path: /readyz
    port: sluice-admin
  periodSeconds: 5
  timeoutSeconds: 2
livenessProbe:
  httpGet:
    path: /livez
    port: sluice-admin
  periodSeconds: 10
  timeoutSeconds: 2
  failureThreshold: 3
{{- with $values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{ include "sluice.confinement" .root }}
{{- end -}}

{{/* What may be done by whatever runs the image, what it is given to read, and where its last words go. */}}
{{- define "sluice.confinement" -}}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
# A configuration error is then shown by `kubectl describe pod`.
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  - name: sluice-tmp
    mountPath: /tmp
  {{- if include "sluice.hasConfig" . }}
  - name: sluice-config
    mountPath: /etc/sluice
    readOnly: true
  {{- end }}
  {{- if and .Values.keys.existingSecret (eq .Values.keys.as "files") }}
  - name: sluice-keys
    mountPath: /var/run/secrets/sluice
    readOnly: true
  {{- end }}
{{- end -}}

{{/* The handler of a preStop hook where the kubelet cannot sleep by itself, as before 1.30. Takes the seconds. */}}
{{- define "sluice.preStopCommand" -}}
exec:
  command: [/nodejs/bin/node, /app/dist/sluice.js, sleep, {{ . | int | quote }}]
{{- end -}}
