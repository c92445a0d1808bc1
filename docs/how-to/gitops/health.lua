-- Health of every kind of policloud.io in Argo CD. One script: all kinds speak by the same conditions.
local health = {status = "Progressing", message = "not looked at yet"}
local status = obj.status
if status == nil or status.conditions == nil then
  return health
end
-- What is said of an older spec is said of something else.
if obj.metadata.generation ~= nil and status.observedGeneration ~= obj.metadata.generation then
  return health
end

local found = {}
for _, condition in ipairs(status.conditions) do
  found[condition.type] = condition
end
local ready, stalled = found.Ready, found.Stalled
if ready == nil then
  return health
end
health.message = ready.message
if health.message == nil or health.message == "" then
  health.message = ready.reason or ""
end

-- Waiting for somebody or something outside is neither work in progress nor a fault.
local waits = {
  WaitingForEnergy = true, -- the wind, the sun, a cheaper hour
  Suspended = true, -- stopped for now by the site; it resumes there
  Paused = true, -- a membership that the platform team has paused
  NotAccepted = true, -- the platform team has not said yes
  NotJoined = true, -- nobody has invited the site yet
  Invited = true, -- its owner has not used the invitation yet
  NoTenants = true, -- a mandate that admits nobody, on purpose
}
-- Not Stalled, because a fact of the world may change; but nothing works on it, and somebody should look.
local faults = {
  NoUnitAllowed = true, NeverFits = true, LawBroken = true, SiteUnreachable = true, -- of a workload
  LeaseNotRenewed = true, KeyRemoved = true, HubRestored = true, InvitationExpired = true, -- of a membership
  SourceUnknown = true, NoNodeMatches = true, NodeContested = true, InsufficientPower = true, -- of a unit
  Dead = true, Implausible = true, ProviderNotServed = true, -- of a source: nothing may be counted on
  TraceFileMissing = true, TraceFileInvalid = true,
}
if stalled ~= nil and stalled.status == "True" then
  health.status = "Degraded"
  health.message = stalled.message ~= nil and stalled.message ~= "" and stalled.message or stalled.reason
elseif ready.status == "True" then
  health.status = "Healthy"
elseif waits[ready.reason] then
  health.status = "Suspended"
elseif faults[ready.reason] then
  health.status = "Degraded"
end
return health
